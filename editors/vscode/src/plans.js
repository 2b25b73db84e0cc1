// What `paired setup --json` says, for a person to pick from and to look at. No vscode in here: tested by node alone.
'use strict';

const STATES = { registered: 'registered', different: 'registered, but not as now', unreadable: 'cannot be changed' };

// Those that are installed first; without a file there is nothing to write.
function assistantItems(clients) {
  return clients.filter(c => c.files && c.files.length)
    .sort((a, b) => Number(b.installed) - Number(a.installed))
    .map(c => ({
      label: c.title,
      description: STATES[c.state] || (c.installed ? 'installed' : ''),
      detail: c.problem || c.files.map(f => f.file).join(', '),
      name: c.client,
    }));
}

function diffOf(plan) {
  return plan.changes.map(c => c.diff).join('\n');
}

module.exports = { assistantItems, diffOf };
