// The seven, by the words that people know their work by. No vscode in here: tested by node alone.
'use strict';

const agents = [
  { name: 'sherlock', command: 'qa', title: 'Sherlock', work: 'quality and review' },
  { name: 'leonardo', command: 'architect', title: 'Leonardo', work: 'architecture' },
  { name: 'edison', command: 'dev', title: 'Edison', work: 'development' },
  { name: 'marie', command: 'analyst', title: 'Marie', work: 'measurement' },
  { name: 'alex', command: 'pm', title: 'Alex', work: 'planning' },
  { name: 'vince', command: 'scrum', title: 'Vince', work: 'flow of work' },
  { name: 'maya', command: 'ux', title: 'Maya', work: 'what users see' },
];

// What an empty question to an agent means: what it is asked for most.
const usual = {
  sherlock: 'review my changes',
  leonardo: 'graph of the modules',
  edison: 'map of the repository',
  marie: 'hotspots',
  alex: 'digest',
  vince: 'flow of work',
  maya: 'accessibility',
};

function agentOf(command) {
  return agents.find(a => a.command === command || a.name === command);
}

function questionFor(agent, prompt) {
  const text = (prompt || '').trim();
  return text || (agent ? usual[agent.name] : 'what is this repository?');
}

// "src/a.c:12" in an answer, or "src/a.c:12-19", becomes a link that an editor can follow. Only relative paths of plain letters are
// taken, so that nothing in a repository's names can be more than a path.
const place = /(^|[\s(])((?:[\w@+-][\w.@+-]*\/)*[\w@+-][\w.@+-]*\.\w+):(\d{1,7})(-\d{1,7})?(?![\w:/])/gm;

function linkPlaces(text, toUri) {
  return text.replace(place, (all, before, file, line, to = '') => {
    const label = `${file}:${line}${to}`, uri = toUri(file, Number(line), label);
    return uri ? `${before}[${label}](${uri})` : all;
  });
}

// Text of a repository, shown as it is: markdown in it must not act.
function escapeMarkdown(text) {
  return text.replace(/[\\`*_{}[\]<>#+!|~$&]/g, '\\$&');
}

module.exports = { agents, agentOf, questionFor, linkPlaces, escapeMarkdown };
