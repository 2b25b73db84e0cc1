-- Inside of a headless Neovim with its user's own configuration, where `paired setup neovim` has put its file: nobody
-- attaches anything here. Environment: FILE, STRAY. One line a check; the exit code tells.
local failed, passed = 0, 0
local function check(what, good, detail)
  if good then passed = passed + 1 else failed = failed + 1 end
  io.stdout:write((good and "ok    " or "FAIL  ") .. what .. (detail and ("  (" .. tostring(detail) .. ")") or "") .. "\n")
  return good
end
local PATIENCE = 15000
local function clients(buffer)
  local names = {}
  for _, c in pairs(vim.lsp.buf_get_clients(buffer)) do table.insert(names, c.name) end
  return table.concat(names, " ")
end
vim.o.hidden = true
vim.cmd("filetype plugin on")
vim.cmd("edit " .. vim.fn.fnameescape(vim.env.FILE))
local buffer = vim.api.nvim_get_current_buf()
check("setup: it attaches to a file of a repository by itself", vim.wait(PATIENCE, function() return clients(buffer) == "paired" end, 10), clients(buffer))
check("setup: findings arrive", vim.wait(PATIENCE, function()
  for _, d in ipairs(vim.diagnostic.get(buffer)) do if d.source == "Sherlock" then return true end end
end, 10))
local id = next(vim.lsp.get_active_clients())
vim.cmd("edit " .. vim.fn.fnameescape(vim.fn.fnamemodify(vim.env.FILE, ":h") .. "/second.py"))
check("setup: a second file shares the server", vim.wait(PATIENCE, function() return clients(0) == "paired" end, 10) and #vim.lsp.get_active_clients() == 1, id)
vim.cmd("edit " .. vim.fn.fnameescape(vim.env.STRAY))
vim.wait(300, function() return false end)
check("setup: a file outside of repositories is left alone", clients(0) == "", clients(0))
vim.cmd("enew")
vim.bo.filetype = "python"
vim.wait(100, function() return false end)
check("setup: so is a text without a file", clients(0) == "", clients(0))
io.stdout:write(("%d passed, %d failed, 0 skipped\n"):format(passed, failed))
vim.cmd(failed == 0 and "qa!" or "cq!")
