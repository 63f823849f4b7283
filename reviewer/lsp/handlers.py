"""Which message of an editor the server answers, and with what."""

from __future__ import annotations

import argparse
from typing import Any, Final

from lsprotocol import types

from reviewer.lsp.diagnostics import DISMISS, EXPLAIN
from reviewer.lsp.server import KiloServer
from reviewer.settings import Settings

REVIEW_NOW: Final = "kilo.reviewNow"
CANCEL: Final = "kilo.cancel"
SECTION: Final = "kilo.review"


def create_server(options: argparse.Namespace, settings: Settings) -> KiloServer:
    """Return a server that answers the messages it is meant to."""
    server = KiloServer(options, settings)
    _answer_lifecycle(server)
    _answer_documents(server)
    _answer_commands(server)
    return server


def _answer_lifecycle(server: KiloServer) -> None:
    @server.feature(types.INITIALIZE)
    def initialize(params: types.InitializeParams) -> None:
        if params.initialization_options is not None:
            server.configure(params.initialization_options)

    @server.feature(types.INITIALIZED)
    async def initialized(_params: types.InitializedParams) -> None:
        await _ask_for_changes(server)
        await _pull_configuration(server)

    @server.feature(types.WORKSPACE_DID_CHANGE_CONFIGURATION)
    async def configuration(params: types.DidChangeConfigurationParams) -> None:
        if params.settings is not None:
            server.configure(params.settings)
        await _pull_configuration(server)

    @server.feature(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def cancel_progress(params: types.WorkDoneProgressCancelParams) -> None:
        server.cancelled(params.token)

    @server.feature(types.SHUTDOWN)
    async def shutdown(_params: None) -> None:
        await server.shut_down()


def _answer_documents(server: KiloServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: types.DidOpenTextDocumentParams) -> None:
        server.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: types.DidChangeTextDocumentParams) -> None:
        server.changed(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    def did_save(params: types.DidSaveTextDocumentParams) -> None:
        server.saved(params.text_document.uri)

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix])
    )
    def code_action(params: types.CodeActionParams) -> list[types.CodeAction]:
        return server.code_actions(params.text_document.uri, params.range)

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        return server.hover(params.text_document.uri, params.position)


def _answer_commands(server: KiloServer) -> None:
    @server.command(REVIEW_NOW)
    async def review_now(*given: Any) -> list[dict[str, Any]]:
        return await server.review_now(given[0] if given and isinstance(given[0], str) else "")

    @server.command(CANCEL)
    def cancel(*_given: Any) -> None:
        server.cancel_reviews()

    @server.command(DISMISS)
    async def dismiss(*given: Any) -> bool:
        return await server.dismiss(_about(given))

    @server.command(EXPLAIN)
    def explain(*given: Any) -> str:
        return server.explain(_about(given))


async def _ask_for_changes(server: KiloServer) -> None:
    """Ask to be told when the configuration changes, where the editor tells only who asks."""
    workspace = server.client_capabilities.workspace
    told = workspace.did_change_configuration if workspace else None
    if told is None or not told.dynamic_registration:
        return
    method = types.WORKSPACE_DID_CHANGE_CONFIGURATION
    of_ours = types.DidChangeConfigurationRegistrationOptions(SECTION)
    asked = types.Registration("kilo-configuration", method, of_ours)
    await server.client_register_capability_async(types.RegistrationParams([asked]))


async def _pull_configuration(server: KiloServer) -> None:
    workspace = server.client_capabilities.workspace
    if workspace is None or not workspace.configuration:
        return
    asked = types.ConfigurationParams([types.ConfigurationItem(section=SECTION)])
    answer = await server.workspace_configuration_async(asked)
    if answer and answer[0] is not None:
        server.configure(answer[0])


def _about(given: tuple[Any, ...]) -> dict[str, Any]:
    first = given[0] if given else None
    return {str(key): value for key, value in first.items()} if isinstance(first, dict) else {}
