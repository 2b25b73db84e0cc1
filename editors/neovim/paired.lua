-- paired beside the language's own server, in every file of a repository. Neovim 0.7 or newer, no plugin needed.
-- Put here by `paired setup neovim` (which keeps it up to date, and takes it out with --remove), or by hand: a file in
-- the folder plugin/ of the configuration is read when Neovim starts.
--
-- To say otherwise, in init.lua:
--   vim.g.paired_command = { "/somewhere/else/paired", "lsp" }   -- or false: not at all
--   vim.g.paired_settings = { diagnostics = { workspace = true }, lens = { enable = true } }
if vim.g.paired_command == false or vim.g.loaded_paired then return end
vim.g.loaded_paired = 1

local command = vim.g.paired_command or { "paired", "lsp" }
local settings = { paired = vim.g.paired_settings or vim.empty_dict() }
local uv = vim.uv or vim.loop
local clients = {} -- of Neovim 0.7, by root

-- The repository that a file belongs to. Without one, nothing: a stray file must not make its whole folder a workspace.
local function root_of(path)
  local folder = vim.fn.fnamemodify(path, ":p:h")
  while folder and folder ~= "" do
    for _, mark in ipairs({ ".git", ".hg", ".paired" }) do
      if uv.fs_stat(folder .. "/" .. mark) then return folder end
    end
    local above = vim.fn.fnamemodify(folder, ":h")
    if above == folder then return nil end
    folder = above
  end
end

local function configuration(root)
  return {
    name = "paired",
    cmd = command,
    root_dir = root,
    workspace_folders = { { uri = vim.uri_from_fname(root), name = vim.fn.fnamemodify(root, ":t") } },
    settings = settings,
    flags = { debounce_text_changes = 0 }, -- paired waits for a pause by itself
  }
end

local function attach(buffer)
  local path = vim.api.nvim_buf_get_name(buffer)
  if vim.bo[buffer].buftype ~= "" or path == "" or path:match("^%a[%w+.-]*://") then return end
  local root = root_of(path)
  if not root or vim.fn.executable(command[1]) == 0 then return end
  if vim.lsp.start then
    vim.api.nvim_buf_call(buffer, function() vim.lsp.start(configuration(root)) end)
    return
  end
  local id = clients[root]
  if not id or not vim.lsp.get_client_by_id(id) then
    local wanted = configuration(root)
    wanted.on_exit = function() clients[root] = nil end
    id = vim.lsp.start_client(wanted)
    clients[root] = id
  end
  if id then vim.lsp.buf_attach_client(buffer, id) end
end

vim.api.nvim_create_autocmd("FileType", {
  group = vim.api.nvim_create_augroup("paired", { clear = true }),
  callback = function(event) attach(event.buf) end,
})
