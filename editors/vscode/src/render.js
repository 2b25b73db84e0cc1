// An agent's answer as markdown. Its lines hold text of the repository: everything is escaped or fenced, so that
// nothing in a name or a comment acts. No vscode in here: tested by node alone.
'use strict';
const { escapeMarkdown, linkPlaces } = require('./agents');

function fence(lines) {
  const longest = Math.max(0, ...lines.map(l => Math.max(0, ...(l.match(/`+/g) || []).map(run => run.length))));
  const marks = '`'.repeat(Math.max(3, longest + 1));
  return `${marks}text\n${lines.join('\n')}\n${marks}\n`;
}

// `paired status` stays code, in which no markdown acts; everything else is escaped.
function escapeText(text) {
  return text.split(/(`[^`\u0001\u0002]+`)/).map((part, i) => (i % 2 ? part : escapeMarkdown(part))).join('');
}

// How an answer came about, at its end: not part of what was found.
const remark = /^Answered without a model\b/;

// Links survive escaping: they are put in afterwards, in place of words that escaping leaves alone.
function line(text, toUri) {
  const links = [];
  const marked = linkPlaces(text, (file, number, label) => {
    const uri = toUri(file, number);
    if (uri) links.push({ label, uri });
    return uri ? `\u0001${links.length - 1}\u0002` : undefined;
  });
  const plain = marked.replace(/\[[^\]]*\]\(\u0001(\d+)\u0002\)/g, '\u0001$1\u0002');
  return escapeText(plain).replace(/\u0001(\d+)\u0002/g, (_, i) => `[${escapeMarkdown(links[i].label)}](${links[i].uri})`);
}

// `again`: the remark stands in an earlier answer of this conversation already.
function render(text, toUri, { again = false } = {}) {
  let out = '';
  let block = [];
  const flush = () => {
    if (block.length) out += fence(block);
    block = [];
  };
  for (const each of text.replace(/[\u0001\u0002]/g, '').split('\n')) {
    if (/^(\s{2,}|\t|[|+-]{2})/.test(each)) {
      block.push(each);
      continue;
    }
    flush();
    const who = /^\[(\w+)\.(\w+) .*\]$/.exec(each); // which capability of whom answers what follows
    if (who) {
      out += `\n**${who[1][0].toUpperCase()}${who[1].slice(1)}**: ${escapeMarkdown(who[2])}\n\n`;
      continue;
    }
    if (remark.test(each)) {
      if (!again) out += `\n_${escapeText(each)}_\n`;
      continue;
    }
    const heading = /^#{1,3} (.*)/.exec(each);
    out += heading ? `\n**${escapeMarkdown(heading[1])}**\n\n` : each ? `${line(each, toUri)}  \n` : '\n';
  }
  flush();
  return out;
}

module.exports = { render };
