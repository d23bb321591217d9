// Fills forms with @getodk/xforms-engine: one JSON request a line on standard input, one JSON reply a line on output.
// Request {xform, answers, files: {name: text}, language, seed}; with a seed, what `answers` does not name is answered at random; reply {xml, given, not_given: {path: why}, violations, status} or {error}.
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

const TRIES = 20; // how often another random answer is tried when the form does not take one
const ALONE = new Set(['none', 'dk', 'pns', 'nobody', 'all']);
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

// Small and repeatable (mulberry32); what it draws is no secret.
function drawFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

class Chance {
  constructor(seed) {
    this.draw = drawFrom(seed);
    this.isAlone = this.draw() < 0.5;
  }

  below(number) {
    return Math.floor(this.draw() * number);
  }

  choose(node, name) {
    if (!node.currentState.required && this.draw() < 0.15) return null;
    const codes = node.currentState.valueOptions?.map((item) => item.value) ?? [];
    if (node.nodeType === 'rank') return codes.sort(() => this.draw() - 0.5);
    if (node.nodeType === 'select') {
      if (codes.length === 0) return null;
      if (node.selectType !== 'select') {
        return codes.includes('yes') && this.draw() < 0.8 ? 'yes' : codes[this.below(codes.length)];
      }
      const several = codes.filter((code) => !ALONE.has(code));
      if (several.length === 0 || this.draw() < 0.1) return [codes[this.below(codes.length)]];
      const chosen = several.filter(() => this.draw() < 2 / several.length);
      return chosen.length > 0 ? chosen : [several[this.below(several.length)]];
    }
    if (node.nodeType === 'trigger') return 'OK';
    if (node.nodeType === 'upload') return `${name}.png`;
    if (node.valueType === 'date') return `2026-${String(1 + this.below(10)).padStart(2, '0')}-01`;
    if (node.valueType === 'time') return '10:30';
    if (node.valueType === 'dateTime') return '2026-05-01T10:30:00';
    if (['int', 'decimal'].includes(node.valueType)) return this.below(name.includes('age') ? 90 : 10);
    return `Canary of nobody ${name}`.slice(0, this.draw() < 0.5 ? 9 : 200).replace(this.draw() < 0.5 ? / /g : /$^/, '_');
  }
}

class Walk {
  constructor(answers, seed) {
    this.answers = answers;
    this.chance = seed === null || seed === undefined ? null : new Chance(seed);
    this.silent = new Set();
    this.given = new Set();
    this.refused = new Map();
    this.names = new Set();
    this.drawn = {};
    this.passedOver = new Set(); // questions that the random person did not want to answer
  }

  run(root) {
    for (let pass = 0; pass < (this.chance ? 2 * PASSES : PASSES); pass += 1) {
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
    if (this.chance && rows === undefined) this.drawn[path] ??= Array.from({ length: this.chance.below(4) }, () => ({}));
    rows ??= this.drawn[path];
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
    if (node.nodeType === 'model-value' || !node.currentState.relevant) return;
    if (['', '-'].includes(node.currentState.label?.asString.trim() ?? '')) this.silent.add(name);
    if (this.given.has(path)) return;
    if (scope[name] === undefined && this.chance && !this.passedOver.has(path)) {
      for (let tries = 0; tries < TRIES && !this.given.has(path); tries += 1) {
        const drawn = this.chance.choose(node, name);
        if (isMissing(drawn)) {
          this.passedOver.add(path);
          return;
        }
        this.give(node, drawn, path);
      }
    } else if (!isMissing(scope[name])) this.give(node, scope[name], path);
  }

  give(node, value, path) {
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

let kept = { xform: null, files: null, loaded: null }; // reading a form takes far longer than filling it

async function open(xform, files = {}) {
  const told = JSON.stringify(files);
  if (kept.xform !== xform || kept.files !== told) kept = { xform, files: told, loaded: await read(xform, files) };
  if (kept.loaded.status === 'failure') throw new Error(kept.loaded.error.message);
  return kept.loaded;
}

function read(xform, files) {
  return loadForm(xform, {
    fetchFormAttachment: async (resource) => {
      const content = files?.[String(resource).split('/').at(-1)];
      return content === undefined ? new Response('', { status: 404 }) : new Response(content, { status: 200 });
    },
    missingResourceBehavior: 'BLANK',
  });
}

async function fill({ xform, answers, files, language, seed }) {
  const { root } = (await open(xform, files)).createInstance({
    preloadProperties: { deviceID: 'enketo:TESTPHONE02', username: 'enumerator02' },
  });
  if (language) root.setLanguage(root.languages.find((one) => one.language === language));
  const walk = new Walk(answers, seed);
  walk.run(root);
  const payload = await root.prepareInstancePayload({ payloadType: 'monolithic' });
  const file = payload.data[0].get('xml_submission_file');
  return {
    xml: await readText(file),
    status: payload.status,
    given: [...walk.given],
    not_given: walk.listNotGiven(),
    silent: [...walk.silent],
    violations: (payload.violations ?? []).map((one) => `${one.reference} ${one.violation.condition}`),
  };
}

function findNode(children, name) {
  for (const node of children ?? []) {
    if (nameOf(node) === name) return node;
    const found = findNode(node.currentState.children, name);
    if (found) return found;
  }
  return null;
}

function* product([first, ...rest]) {
  if (first === undefined) yield [];
  else for (const value of first) for (const others of product(rest)) yield [value, ...others];
}

// Every combination of the codes of some questions, the last one turning fastest -> what one calculation says of each.
async function vary({ xform, answers, varied, read }) {
  const { root } = (await open(xform)).createInstance();
  new Walk(answers).run(root);
  const nodes = Object.keys(varied).map((name) => findNode(root.currentState.children, name));
  const values = [];
  for (const codes of product(Object.values(varied))) {
    for (const [at, code] of codes.entries()) {
      if (nodes[at].currentState.value[0]?.value !== code) nodes[at].selectValue(code);
    }
    values.push(findNode(root.currentState.children, read).currentState.value);
  }
  return { values };
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
    const request = JSON.parse(line);
    reply = request.varied ? await vary(request) : await fill(request);
  } catch (error) {
    reply = { error: String(error?.message ?? error) };
  }
  say(`${JSON.stringify(reply)}\n`);
}
process.exit(0);
