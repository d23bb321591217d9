// Fills forms with @getodk/xforms-engine: one JSON request a line on standard input, one JSON reply a line on output.
// Request {xform, answers}; reply {xml, given, not_given: {path: why}, violations, status} or {error}.
import { createInterface } from 'node:readline';
import { JSDOM } from 'jsdom';

const PASSES = 3; // an answer may open a question further up
const say = process.stdout.write.bind(process.stdout);
console.log = console.info = console.debug = console.error.bind(console); // standard output is for replies only

// The engine expects a browser: give it jsdom's classes, and the folder that its bundled parser asks Node for.
const { window } = new JSDOM('', { url: 'https://phone.invalid/' });
for (const name of Object.getOwnPropertyNames(window)) {
  if (/^[A-Z]/.test(name) && !(name in globalThis)) globalThis[name] = window[name];
}
Object.assign(globalThis, { window, document: window.document, __dirname: '/' });
for (const name of ['File', 'Blob', 'FormData', 'DOMParser', 'XMLSerializer', 'Node', 'Element', 'Document']) {
  globalThis[name] = window[name] ?? globalThis[name];
}
const { loadForm } = await import('@getodk/xforms-engine');

const isRepeat = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((row) => row !== null && typeof row === 'object');
const isMissing = (value) => value === undefined || value === null || (Array.isArray(value) && value.length === 0);
const nameOf = (node) => node.currentState.reference.replace(/\[\d+\]$/, '').split('/').at(-1);
const textOf = (value) => (Array.isArray(value) ? value.join(' ') : String(value));

function* listAnswers(answers, prefix = '') {
  for (const [name, value] of Object.entries(answers)) {
    if (isRepeat(value)) {
      for (const [at, row] of value.entries()) yield* listAnswers(row, `${prefix}${name}[${at + 1}]/`);
    } else if (!isMissing(value)) yield prefix + name;
  }
}

function setSelected(node, value, ofMany) {
  const codes = textOf(value).split(' ').filter(Boolean);
  const offered = new Set(node.currentState.valueOptions.map((item) => item.value));
  if (!codes.every((code) => offered.has(code))) return 'choice';
  if (ofMany === 'rank') node.setValues(codes);
  else if (ofMany) node.selectValues(codes);
  else node.selectValue(codes[0]);
  return null;
}

function setTyped(node, value) {
  const text = textOf(value);
  if (node.valueType === 'int') {
    if (!/^-?\d+$/.test(text)) return 'value';
    node.setValue(BigInt(text));
  } else if (node.valueType === 'decimal') {
    if (!Number.isFinite(Number(text)) || text.trim() === '') return 'value';
    node.setValue(Number(text));
  } else if (node.valueType === 'geopoint') {
    const [latitude, longitude, altitude = 0, accuracy = 0] = text.split(' ').map(Number);
    if (![latitude, longitude].every(Number.isFinite)) return 'value';
    node.setValue({ latitude, longitude, altitude, accuracy });
  } else node.setValue(text);
  return isMissing(node.currentState.value) ? 'value' : null;
}

function setAnswer(node, value) {
  if (node.currentState.readonly) return 'readonly';
  switch (node.nodeType) {
    case 'select':
      return setSelected(node, value, node.selectType === 'select');
    case 'rank':
      return setSelected(node, value, 'rank');
    case 'trigger':
      node.setValue(true);
      return null;
    case 'upload':
      node.setValue(new File(['\x89PNG'], textOf(value), { type: 'image/png' }));
      return null;
    case 'input':
    case 'range':
      return setTyped(node, value);
    default:
      return 'readonly';
  }
}

function clearAnswer(node) {
  if (node.nodeType === 'select') node.selectValues([]);
  else if (node.nodeType === 'rank') node.setValues([]);
  else if (node.valueType === 'string') node.setValue(''); // regex() cannot bear null
  else if (node.nodeType !== 'trigger') node.setValue(null);
}

class Walk {
  constructor(answers) {
    this.answers = answers;
    this.given = new Set();
    this.refused = new Map();
    this.names = new Set();
  }

  run(root) {
    for (let pass = 0; pass < PASSES; pass += 1) {
      const before = this.given.size;
      this.visit(root.currentState.children, this.answers, '');
      if (this.given.size === before) return;
    }
  }

  visit(children, scope, prefix) {
    for (const node of children ?? []) {
      const name = nameOf(node);
      if (node.nodeType.startsWith('repeat-range')) this.visitRepeat(node, scope[name], `${prefix}${name}`);
      else if (node.currentState.children !== null) this.visit(node.currentState.children, scope, prefix);
      else this.answer(node, name, scope, prefix + name);
    }
  }

  visitRepeat(range, rows, path) {
    const wanted = isRepeat(rows) ? rows.length : 0;
    if (range.nodeType === 'repeat-range:uncontrolled' && range.currentState.relevant) {
      const now = range.currentState.children.length;
      if (now > wanted) range.removeInstances(wanted, now - wanted); // a form begins with one blank instance
      if (now < wanted) range.addInstances(Math.max(now - 1, 0), wanted - now);
    }
    for (const [at, instance] of range.currentState.children.entries()) {
      this.visit(instance.currentState.children, rows?.[at] ?? {}, `${path}[${at + 1}]/`);
    }
  }

  answer(node, name, scope, path) {
    this.names.add(name);
    const value = scope[name];
    if (isMissing(value) || this.given.has(path) || node.nodeType === 'model-value') return;
    if (!node.currentState.relevant) return;
    let why = null;
    try {
      why = setAnswer(node, value);
    } catch {
      why = 'value';
    }
    if (why === null && node.validationState.constraint?.valid === false) {
      clearAnswer(node); // a phone does not let its user go on past a constraint
      why = 'constraint';
    }
    if (why === null) this.given.add(path);
    if (why === null) this.refused.delete(path);
    else this.refused.set(path, why);
  }

  listNotGiven() {
    const missing = {};
    for (const path of listAnswers(this.answers)) {
      const known = this.names.has(path.split('/').at(-1)) ? 'irrelevant' : 'unknown';
      if (!this.given.has(path)) missing[path] = this.refused.get(path) ?? known;
    }
    return missing;
  }
}

async function fill({ xform, answers }) {
  const loaded = await loadForm(xform, {
    fetchFormAttachment: () => Promise.reject(new Error('no attachments here')),
    missingResourceBehavior: 'BLANK',
  });
  if (loaded.status === 'failure') throw new Error(loaded.error.message);
  const { root } = loaded.createInstance({
    preloadProperties: { deviceID: 'enketo:TESTPHONE02', username: 'enumerator02' },
  });
  const walk = new Walk(answers);
  walk.run(root);
  const payload = await root.prepareInstancePayload({ payloadType: 'monolithic' });
  const file = payload.data[0].get('xml_submission_file');
  return {
    xml: await readText(file),
    status: payload.status,
    given: [...walk.given],
    not_given: walk.listNotGiven(),
    violations: (payload.violations ?? []).map((one) => `${one.reference} ${one.violation.condition}`),
  };
}

function readText(file) {
  return new Promise((resolve, reject) => {
    const reader = new window.FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsText(file);
  });
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let reply;
  try {
    reply = await fill(JSON.parse(line));
  } catch (error) {
    reply = { error: String(error?.message ?? error) };
  }
  say(`${JSON.stringify(reply)}\n`);
}
process.exit(0);
