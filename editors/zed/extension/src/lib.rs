//! Zed takes language servers from extensions only: this one starts `paired lsp`. It downloads nothing.

use zed_extension_api::{self as zed, serde_json, settings::LspSettings, LanguageServerId, Result, Worktree};

struct Paired;

/// What the user's settings say of the server: `"lsp": {"paired": {...}}`. None: nothing that can be read.
fn settings(id: &LanguageServerId, worktree: &Worktree) -> Option<LspSettings> {
    LspSettings::for_worktree(id.as_ref(), worktree).ok()
}

impl zed::Extension for Paired {
    fn new() -> Self {
        Paired
    }

    fn language_server_command(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<zed::Command> {
        let (path, arguments) = settings(id, worktree)
            .and_then(|own| own.binary)
            .map_or((None, None), |binary| (binary.path, binary.arguments));
        let command = path.or_else(|| worktree.which("paired")).ok_or(
            "the program paired is not on PATH; \"lsp\": {\"paired\": {\"binary\": {\"path\": \"…\"}}} in the settings says where it is",
        )?;
        Ok(zed::Command {
            command,
            args: arguments.unwrap_or_else(|| vec!["lsp".to_string()]),
            env: worktree.shell_env(),
        })
    }

    fn language_server_initialization_options(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<Option<serde_json::Value>> {
        Ok(settings(id, worktree).and_then(|own| own.initialization_options))
    }

    /// What `workspace/configuration` is answered with, in the form that other editors give it: {"paired": {...}}.
    fn language_server_workspace_configuration(&mut self, id: &LanguageServerId, worktree: &Worktree) -> Result<Option<serde_json::Value>> {
        Ok(settings(id, worktree).and_then(|own| own.settings))
    }
}

zed::register_extension!(Paired);
