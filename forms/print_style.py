"""How a printed questionnaire looks: on paper, on a telephone and on a screen, from the left and from the right."""

from __future__ import annotations

STYLE = """
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;max-width:48rem;padding:1rem;background:#fff;color:#111;line-height:1.45;
font:16px/1.45 system-ui,"Noto Sans","Noto Naskh Arabic","Noto Sans Arabic",sans-serif}
h1{font-size:1.6rem;margin:0 0 .2rem}
h2{font-size:1.2rem;margin:1.6rem 0 .4rem;padding-block-end:.2rem;border-block-end:2px solid #333}
h3,h4{font-size:1.05rem;margin:1rem 0 .3rem}
p{margin:.25rem 0}
ul{margin:.3rem 0;padding:0;list-style:none}
.languages{display:flex;flex-wrap:wrap;gap:.5rem 1.2rem;margin-block-end:1rem}
.languages a{color:#134a7c;display:inline-flex;align-items:center;min-height:44px}
.facts,.kind,.time{color:#444;font-size:.85rem;font-weight:normal}
.kind code{color:#666;margin-inline-start:.6rem}
.drafted{border:2px solid #8a5200;padding:.5rem .7rem;margin-block:.6rem}
.first{border:2px solid #111;border-radius:.4rem;padding:.2rem .9rem .7rem;margin-block:1rem}
.first h2{border:0;margin:.5rem 0 .2rem}
.group .group,.repeat{border-inline-start:4px solid #999;padding-inline-start:.8rem;margin-block:.6rem}
.question{padding-block:.55rem;border-block-end:1px solid #ccc;break-inside:avoid}
.label{font-weight:600}
.note .label{font-weight:normal;font-style:italic}
[dir=rtl] .note .label{font-style:normal}
.number{display:inline-block;min-width:2.2rem}
.hint,.limit{color:#333;font-size:.92rem;padding-inline-start:2.2rem}
.skip{background:#eef2f6;border-inline-start:4px solid #134a7c;padding:.3rem .6rem;font-size:.9rem;margin-block:.3rem}
.choices{columns:2;column-gap:1.5rem;padding-inline-start:2.2rem}
.choices li{break-inside:avoid;padding-block:.1rem}
.box{display:inline-block;min-width:1.4rem}
.long{padding-inline-start:2.2rem;color:#444}
.line{border-block-end:1px solid #666;height:1.6rem;margin-inline-start:2.2rem}
.notes{border:1px dashed #8a5200;background:#fff8ec;padding:.4rem .7rem;margin-block:.4rem;font-size:.92rem}
.notes li{margin-block:.25rem}
img{max-width:12rem;max-height:9rem;display:block;margin-block:.3rem}
@media (max-width:30rem){.choices{columns:1}.hint,.limit,.choices,.long{padding-inline-start:1rem}}
@media print{
body{max-width:none;padding:0;font-size:10.5pt}
nav{display:none}
.form{break-before:page}
nav+.form,.form:first-of-type{break-before:auto}
h2,h3{break-after:avoid}
.skip,.notes{print-color-adjust:exact;-webkit-print-color-adjust:exact}
@page{margin:16mm}
}
"""
