// What `paired.status` answers, as lines for people.
'use strict';

const many = (n, one) => `${n.toLocaleString('en')} ${one}${n === 1 ? '' : 's'}`;

function describe(status) {
  const { engine, index, findings, quiet } = status || {};
  const lines = [];
  if (engine) lines.push(`engine ${engine.version || ''}, process ${engine.pid ?? '?'}`);
  const { federation } = engine || {};
  if (federation && federation.state !== 'off') {
    lines.push(federation.state === 'running' ? `${many(federation.connected || 0, 'friend')} connected` : `federation ${federation.state}`);
  }
  if (index) lines.push(`index: ${many(index.files, 'file')}, ${many(index.symbols, 'symbol')}${index.busy ? ', still reading' : ''}`);
  if (Number.isInteger(findings)) lines.push(`${many(findings, 'finding')} in open files`);
  if (quiet) lines.push(!quiet.on ? 'quiet while typing: off' : quiet.held ? `quiet while typing: ${many(quiet.held, 'thing')} held` : 'quiet while typing');
  return lines;
}

module.exports = { describe };
