// Which `paired` is started. No vscode in here: tested by node alone.
'use strict';
const fs = require('fs');
const os = require('os');
const path = require('path');

function isProgram(file) {
  try {
    fs.accessSync(file, fs.constants.X_OK);
    return fs.statSync(file).isFile();
  } catch {
    return false;
  }
}

function expand(file, home) {
  return file === '~' || file.startsWith('~/') ? path.join(home, file.slice(2)) : file;
}

// { file } or { missing: what was looked for }. `configured` wins even when it is wrong: then the user is told.
function findBinary({ configured = '', extensionDir, env = process.env, home = os.homedir() }) {
  if (configured) {
    const file = expand(configured, home);
    if (!path.isAbsolute(file)) return { missing: `paired.path has to be an absolute path, not ${configured}` };
    return isProgram(file) ? { file } : { missing: `${file} (paired.path) is not a program` };
  }
  const name = process.platform === 'win32' ? 'paired.exe' : 'paired';
  const places = [
    path.join(extensionDir, 'bin', name),
    ...(env.PATH || '').split(path.delimiter).filter(path.isAbsolute).map(dir => path.join(dir, name)),
    path.join(home, '.local', 'bin', name),
    path.join('/usr/local/bin', name),
  ];
  const file = places.find(isProgram);
  return file ? { file } : { missing: 'there is no paired on PATH, in ~/.local/bin or in /usr/local/bin' };
}

module.exports = { findBinary };
