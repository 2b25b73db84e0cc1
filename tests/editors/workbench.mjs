// A real VS Code (code-server) in headless Chromium: starts, drives, ends it. Loopback only; the gallery's address is a
// closed port, and the browser resolves no name.
import { createRequire } from 'node:module';
import cp from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const plain = text => text.replace(/[\u00a0\u200b]/g, ' ');

function freePort() {
  return new Promise((resolve, reject) => {
    const s = net.createServer().once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

function answers(port) {
  return new Promise(resolve => {
    http.get({ host: '127.0.0.1', port, path: '/healthz' }, r => { r.resume(); resolve(r.statusCode < 500); })
      .on('error', () => resolve(false));
  });
}

export class Workbench {
  // machine: settings of the machine, which the user's own cannot set in a remote window such as this one.
  constructor({ modules, settings, machine, env, patience = 30000 }) {
    this.require = createRequire(path.join(modules, 'x.js'));
    this.entry = path.join(modules, 'code-server', 'out', 'node', 'entry.js');
    this.patience = patience;
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'editor-vscode-'));
    this.data = path.join(this.dir, 'data');
    this.extensions = path.join(this.dir, 'extensions');
    this.log = path.join(this.dir, 'server.log');
    this.floorLog = path.join(this.dir, 'floor.log');
    this.console = [];
    fs.mkdirSync(path.join(this.data, 'User'), { recursive: true });
    fs.mkdirSync(this.extensions);
    fs.writeFileSync(path.join(this.data, 'User', 'settings.json'), JSON.stringify({
      'security.workspace.trust.enabled': false, 'workbench.startupEditor': 'none', 'telemetry.telemetryLevel': 'off',
      'update.mode': 'none', 'extensions.autoCheckUpdates': false, 'extensions.autoUpdate': false,
      'workbench.tips.enabled': false, 'files.autoSave': 'off',
      'chat.mcp.access': 'all', 'chat.mcp.autostart': 'newAndOutdated', 'editor.minimap.enabled': false,
      'workbench.colorTheme': 'Default Dark Modern', ...settings,
    }));
    fs.mkdirSync(path.join(this.data, 'Machine'));
    fs.writeFileSync(path.join(this.data, 'Machine', 'settings.json'), JSON.stringify(machine));
    this.env = {
      ...env, HOME: this.dir, XDG_CONFIG_HOME: path.join(this.dir, 'config'), XDG_DATA_HOME: path.join(this.dir, 'share'),
      PAIRED_FLOOR_LOG: this.floorLog, EXTENSIONS_GALLERY: '{"serviceUrl":"http://127.0.0.1:9/"}',
    };
  }

  args() {
    return ['--user-data-dir', this.data, '--extensions-dir', this.extensions];
  }

  manage(...args) {
    const r = cp.spawnSync(process.execPath, [this.entry, ...this.args(), ...args], { env: this.env, encoding: 'utf8', timeout: 120000 });
    if (r.status !== 0 || !/successfully (un)?installed/.test(r.stdout)) throw new Error((r.stdout + r.stderr).trim().split('\n').pop());
  }

  install(vsix) { this.manage('--install-extension', vsix); }
  uninstall(id) { this.manage('--uninstall-extension', id); }

  // Everything below the home, the editor's own logs and caches aside.
  files() {
    return fs.readdirSync(this.dir, { recursive: true, withFileTypes: true }).filter(f => f.isFile())
      .map(f => path.relative(this.dir, path.join(f.parentPath, f.name)));
  }

  mentions(word) {
    return this.files().filter(f => fs.readFileSync(path.join(this.dir, f), 'latin1').includes(word));
  }

  // What an output channel has written, in all windows so far, the oldest first.
  logOf(channel) {
    return this.files().filter(f => path.basename(f) === `${channel}.log`).sort()
      .map(f => fs.readFileSync(path.join(this.dir, f), 'utf8')).join('');
  }

  async start() {
    this.port = await freePort();
    const log = fs.openSync(this.log, 'w');
    this.server = cp.spawn(process.execPath, [this.entry, '--bind-addr', `127.0.0.1:${this.port}`, '--auth', 'none',
      '--disable-telemetry', '--disable-update-check', '--disable-workspace-trust', ...this.args()],
    { env: this.env, stdio: ['ignore', log, log], detached: true });
    for (let i = 0; i < 300 && !await answers(this.port); i++) await sleep(100);
  }

  async open(folder) {
    const { chromium } = this.require('playwright-core');
    this.browser = await chromium.launch({ executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1'] });
    this.page = await this.browser.newPage({ viewport: { width: 1400, height: 900 } });
    this.page.on('console', m => this.console.push(`${m.type()} ${m.text()}`));
    await this.page.goto(`http://127.0.0.1:${this.port}/?folder=${encodeURI(folder)}`, { waitUntil: 'domcontentloaded' });
    await this.page.locator('.monaco-workbench .statusbar').waitFor({ timeout: this.patience });
    await sleep(1500);
  }

  key(name) { return this.page.keyboard.press(name); }
  type(text, delay = 20) { return this.page.keyboard.type(text, { delay }); }

  async see(selector, text) {
    await this.page.locator(selector, { hasText: text }).first().waitFor({ timeout: this.patience });
  }

  async seeAnywhere(text) {
    await this.page.waitForFunction(t => document.body.innerText.replace(/[\u00a0\u200b]/g, ' ').includes(t), text,
      { timeout: this.patience });
  }

  async pick(text) { // in a quick input that is open
    await this.type(text);
    await sleep(600);
    await this.page.locator('.quick-input-list .monaco-list-row').first().waitFor({ timeout: this.patience });
    await this.key('Enter');
  }

  async openFile(name) {
    for (let i = 0; i < 5; i++) {
      await this.key('Control+P');
      await this.page.locator('.quick-input-widget input').waitFor({ timeout: this.patience });
      await this.pick(name);
      try {
        await this.page.locator('.tab', { hasText: name }).first().waitFor({ timeout: 3000 });
        break;
      } catch {
        await this.key('Escape');
      }
    }
    await this.page.locator('.editor-instance .view-line').first().waitFor({ timeout: this.patience });
  }

  async command(title) {
    await this.key('Control+Shift+P');
    await this.page.locator('.quick-input-widget input').waitFor({ timeout: this.patience });
    await this.pick(title);
  }

  async goTo(line) {
    await this.key('Control+1');
    await this.key('Control+G');
    await this.page.locator('.quick-input-widget input').waitFor({ timeout: this.patience });
    await this.type(String(line));
    await this.key('Enter');
    await sleep(200);
  }

  async text() { // of the editor, as far as it is drawn
    return plain((await this.page.locator('.editor-instance .view-lines').first().innerText()));
  }

  async ghost(text) { // grey, behind the caret
    await this.page.waitForFunction(t => [...document.querySelectorAll('.editor-instance .view-line')].some(
      line => line.querySelector('[class*=ghost-text]') && line.textContent.replace(/[\u00a0\u200b]/g, ' ').includes(t)),
    text, { timeout: this.patience });
  }

  async problems() {
    if (!await this.page.locator('.markers-panel').isVisible().catch(() => false)) await this.key('Control+Shift+M');
  }

  async hover(token) {
    const spot = this.page.locator('.editor-instance .view-line span span', { hasText: token }).first();
    const box = await spot.boundingBox();
    await this.page.mouse.move(5, 5);
    await this.page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
    const hover = this.page.locator('.monaco-hover').filter({ visible: true }).first();
    await hover.waitFor({ timeout: 5000 });
    await sleep(500);
    const text = plain(await hover.innerText());
    await this.page.mouse.move(5, 5);
    await this.key('Escape');
    return text;
  }

  // The entries of the quick-fix menu at the cursor; takes the one with this text.
  async fix(text) {
    const menu = this.page.locator('.action-widget').filter({ visible: true }).first();
    for (let i = 0, there = false; !there; i++) { // a busy window loses the key, or closes the menu again
      await this.key('Control+1');
      await this.key('Control+.');
      there = await menu.waitFor({ timeout: this.patience / 5 }).then(() => true, e => { if (i === 4) throw e; });
    }
    const entry = menu.locator('.monaco-list-row', { hasText: text }).first();
    try {
      await entry.waitFor({ timeout: 5000 });
    } catch {
      throw new Error(`offered: ${(await menu.innerText()).replace(/\n/g, ' / ')}`);
    }
    await entry.click();
    await sleep(500);
  }

  async openChat() {
    const box = this.page.locator('.interactive-input-part .monaco-editor').first();
    if (!await box.isVisible().catch(() => false)) {
      await this.key('Control+Alt+I');
      await box.waitFor({ timeout: this.patience });
    }
    return box;
  }

  // Types a prompt into the chat, sends it, and tells what the page showed when: { enter, asked, first, whole }, in
  // milliseconds of the system's clock, as the extension host has it too. `asked`: the answer's place stands there;
  // `first`: any word of the participant; `whole`: the text is in it.
  async chatTimes(prompt, text) {
    const box = await this.openChat();
    await box.click();
    await this.key('Control+A');
    await this.key('Delete');
    await this.type(prompt, 30);
    await sleep(800);
    await this.key('Escape');
    await sleep(200);
    await box.click();
    await this.key('End');
    await this.page.evaluate(expected => {
      const now = () => performance.timeOrigin + performance.now();
      // The list draws what is seen of it, so rows are told by their place in it and not counted.
      const place = answer => Number(answer.closest('.monaco-list-row')?.dataset.index ?? -1);
      const latest = () => [...document.querySelectorAll('.interactive-session .interactive-response')].reduce(
        (best, answer) => (best && place(best) > place(answer) ? best : answer), undefined);
      const before = latest() ? place(latest()) : -1, times = window.pairedTimes = {};
      addEventListener('keydown', e => e.key === 'Enter' && (times.enter ??= now()), { capture: true, once: true });
      const observer = new MutationObserver(() => {
        const last = latest();
        if (!last || place(last) <= before || times.whole) return;
        times.asked ??= now();
        times.said = last.querySelector('.value')?.textContent.replace(/[\u00a0\u200b]/g, ' ') ?? '';
        if (last.querySelector('.rendered-markdown:not(.progress-step)')?.textContent.trim()) times.first ??= now();
        if (times.said.includes(expected)) times.whole = now();
        if (times.whole) observer.disconnect();
      });
      observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    }, text);
    await this.key('Enter');
    await this.page.waitForFunction(() => window.pairedTimes.whole, undefined, { timeout: this.patience }).catch(() => {});
    const times = await this.page.evaluate(() => window.pairedTimes);
    if (!times.whole) throw new Error(`answer: ${(times.said ?? '').slice(0, 200)}`);
    return times;
  }

  // Milliseconds until the answer to a prompt holds the text.
  async chat(prompt, text) {
    const { enter, whole } = await this.chatTimes(prompt, text);
    return Math.round(whole - enter);
  }

  async picture(file) {
    await sleep(500);
    await this.page.screenshot({ path: file });
  }

  async end() { // of browser and server
    if (this.browser) await this.browser.close().catch(() => {});
    if (this.server) {
      try { process.kill(-this.server.pid, 'SIGTERM'); } catch { /* has gone */ }
      await sleep(1500);
      try { process.kill(-this.server.pid, 'SIGKILL'); } catch { /* has gone */ }
    }
    this.browser = this.server = undefined;
  }

  async stop() {
    await this.end();
    fs.rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
