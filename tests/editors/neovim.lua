-- Inside of a headless Neovim: attaches `paired lsp` to a file as its users do, and says what the editor itself sees.
-- Environment: PAIRED, FILE. One line a check, "ok" or "FAIL"; the exit code tells.
local failed, passed = 0, 0
local function check(what, good, detail)
  if good then passed = passed + 1 else failed = failed + 1 end
  io.stdout:write((good and "ok    " or "FAIL  ") .. what .. (detail and ("  (" .. tostring(detail) .. ")") or "") .. "\n")
  return good
end
local function finish()
  io.stdout:write(("%d passed, %d failed, 0 skipped\n"):format(passed, failed))
  vim.cmd(failed == 0 and "qa!" or "cq!")
end
local PATIENCE = 15000
local file = vim.env.FILE
vim.o.hidden = true
vim.cmd("edit " .. vim.fn.fnameescape(file))
local buffer = vim.api.nvim_get_current_buf()
local root = vim.fn.fnamemodify(file, ":h")
local exit_code
local messages = {}
local id = vim.lsp.start_client({
  name = "paired", cmd = { vim.env.PAIRED, "lsp" }, root_dir = root,
  workspace_folders = { { uri = vim.uri_from_fname(root), name = "shop" } },
  flags = { debounce_text_changes = 0 },
  get_language_id = function() return "python" end,
  handlers = { ["window/showMessage"] = function(_, r) table.insert(messages, r.message) end },
  on_exit = function(code) exit_code = code end,
})
local function client() return vim.lsp.get_client_by_id(id) end
if not check("attaches", vim.wait(PATIENCE, function() return client() and client().initialized end, 5)) then return finish() end
vim.lsp.buf_attach_client(buffer, id)

local function found(code)
  for _, d in ipairs(vim.diagnostic.get(buffer)) do
    if d.code == code or (d.user_data and d.user_data.lsp and d.user_data.lsp.code == code) then return d end
  end
end
check("findings arrive", vim.wait(PATIENCE, function() return found("mutable-default") ~= nil end, 10))
local d = found("mutable-default")
check("at their place, from their agent", d and d.source == "Sherlock" and d.lnum == 21, d and (d.source .. " line " .. d.lnum))

local function actions(line)
  local params = vim.lsp.util.make_range_params(0)
  params.range = { start = { line = line, character = 0 }, ["end"] = { line = line, character = 0 } }
  params.context = { diagnostics = {} }
  local r = client().request_sync("textDocument/codeAction", params, PATIENCE, buffer)
  return r and r.result or {}
end
local repair
for _, a in ipairs(actions(21)) do if a.title:find("mutable%-default") and a.title:find("Repair") then repair = a end end
check("a repair is offered", repair ~= nil, repair and repair.title)
if repair then
  if not repair.edit then
    repair = client().request_sync("codeAction/resolve", repair, PATIENCE, buffer).result
  end
  vim.lsp.util.apply_workspace_edit(repair.edit, client().offset_encoding)
  local text = table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
  check("it is applied", text:find("found=None", 1, true) ~= nil)
  check("its finding goes", vim.wait(PATIENCE, function() return found("mutable-default") == nil end, 10))
end

-- The texts stay in step: many edits with characters of two UTF-16 units, then a question about the end of it.
local words = { "x = 1", "# ä €", "# 😀 smile", "y = '👩‍💻'" }
for i = 1, 200 do
  local at = (i * 7) % vim.api.nvim_buf_line_count(buffer)
  vim.api.nvim_buf_set_lines(buffer, at, at, false, { words[i % #words + 1] })
  if i % 3 == 0 then vim.api.nvim_buf_set_lines(buffer, at, at + 1, false, {}) end
end
local last = vim.api.nvim_buf_line_count(buffer)
vim.api.nvim_buf_set_lines(buffer, last, last, false, { "", "", "def late(rows, seen=[]):", "    seen.append(rows)", "    return seen" })
vim.lsp.buf_notify(buffer, "textDocument/didSave", { textDocument = { uri = vim.uri_from_bufnr(buffer) } })
check("after 200 edits a new finding stands on its line", vim.wait(PATIENCE, function()
  local late = found("mutable-default")
  return late and late.lnum == last + 2
end, 10), found("mutable-default") and found("mutable-default").lnum .. " of " .. (last + 2))

local answer = client().request_sync("workspace/executeCommand",
  { command = "paired.ask", arguments = { { question = "where is the total summed up?" } } }, PATIENCE, buffer)
check("a question is answered", answer and answer.result and answer.result.text:find("shop.py", 1, true) ~= nil)
client().stop()
check("it leaves in order", vim.wait(PATIENCE, function() return exit_code ~= nil end, 5) and exit_code == 0, exit_code)
finish()
