"""The style sheet of the report, for screens and for paper."""

STYLE = """
:root { --left: #1764c0; --right: #c4480f; --middle: #4b5563; --ink: #1c232d; --soft: #5d6876; --line: #dfe4ea; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  color: var(--ink); background: #fff; max-width: 1120px; margin: 0 auto; padding: 28px 24px 40px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
h1 { font-size: 26px; margin: 0 0 10px; overflow-wrap: anywhere; }
h2 { font-size: 21px; margin: 34px 0 8px; padding-top: 14px; border-top: 2px solid var(--ink); }
h3 { font-size: 16px; margin: 24px 0 8px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 8px 22px; margin: 0;
  padding: 12px 0; border-block: 1px solid var(--line); }
dt { font-size: 12px; color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.assumed, .note, .small, figcaption .small { color: var(--soft); font-size: 13px; }
.assumed { margin: 8px 0 0; }
.note { margin: 4px 0 0; }
.strip { display: flex; flex-wrap: wrap; gap: 8px; margin-top: 18px; }
.strip figure { margin: 0; flex: 0 1 auto; }
.strip img { height: 176px; width: auto; max-width: 100%; display: block; border-radius: 3px; }
.strip figcaption { font-size: 12px; color: var(--soft); text-align: center; }
.cards { display: flex; flex-wrap: wrap; gap: 12px 28px; align-items: flex-start; }
.card { border: 1px solid var(--line); border-radius: 6px; padding: 8px 16px 10px; }
table.reps { flex: 0 1 560px; }
.big { font-size: 32px; line-height: 1.15; font-weight: 650; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 6px 0; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: middle; }
thead th { font-size: 12px; font-weight: 600; color: var(--soft); border-bottom: 1px solid #b7c0ca; }
tbody th { font-weight: 600; white-space: nowrap; }
tbody th .small { display: block; font-weight: 400; font-size: 12px; }
.ranges { width: 100%; }
.ranges td { white-space: nowrap; }
.ranges .number { font-weight: 600; }
.bars { width: 30%; min-width: 130px; }
.bar { display: block; width: 100%; height: 7px; margin: 2px 0; overflow: hidden; }
.bar .track { fill: #eef1f4; }
.bar .left, .peak { fill: var(--left); } .bar .right { fill: var(--right); } .bar .middle { fill: var(--middle); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(430px, 100%), 1fr)); gap: 16px 28px; }
.charts figure { margin: 0; break-inside: avoid; }
.charts figcaption .small { display: block; }
.chart { display: block; width: 100%; height: auto; }
.chart text { font-size: 11.5px; fill: var(--soft); }
.chart .peak { fill: #fff; stroke: var(--ink); stroke-width: 1.2; }
.chart .peak-number { font-size: 10px; fill: var(--ink); font-weight: 600; }
.grid { stroke: #e8ecf0; } .zero { stroke: #aeb7c1; } .axis { stroke: #8a94a0; }
.line { fill: none; stroke-width: 1.9; stroke-linejoin: round; stroke-linecap: round; }
.line.left { stroke: var(--left); } .line.right { stroke: var(--right); stroke-dasharray: 5 3.5; }
.line.middle { stroke: var(--middle); }
.line.unsure { opacity: 0.4; stroke-width: 1.3; }
.legend { color: var(--soft); font-size: 13px; margin: 0 0 10px; white-space: pre-wrap; }
.mark { width: 28px; height: 8px; vertical-align: middle; }
footer { margin-top: 30px; border-top: 1px solid var(--line); color: var(--soft); font-size: 13px; }
footer h3 { margin: 14px 0 4px; font-size: 14px; color: var(--ink); }
footer ul { margin: 0; padding-left: 18px; }
@page { size: A4; margin: 14mm 13mm; }
@media print {
  body { padding: 0; max-width: none; font-size: 10.5pt; }
  h2.name { break-before: page; border-top: 0; margin-top: 0; padding-top: 0; }
  header + section h2.name { break-before: auto; margin-top: 14pt; }
  h3 { break-after: avoid; }
  tr, .strip, .card, footer { break-inside: avoid; }
  .strip { margin-top: 10pt; } .strip img { height: 34mm; }
  .facts { grid-template-columns: repeat(4, auto); }
  .cards { flex-wrap: nowrap; gap: 0 14pt; } .cards:has(table + table) { flex-wrap: wrap; }
  footer { margin-top: 10pt; } footer h3 { margin-top: 8pt; }
  .reps { font-size: 9.5pt; }
  .legend { break-after: avoid; }
  .charts { grid-template-columns: 1fr 1fr; gap: 8pt 14pt; }
  th, td { padding: 2pt 8pt 2pt 0; }
  h3 { margin: 14pt 0 5pt; }
  tbody th .small { line-height: 1.1; font-size: 8pt; }
  .bars { width: 24%; min-width: 0; }
  .assumed, .note, .small, figcaption .small, .legend, footer { font-size: 9pt; }
}
"""
