"""Every setting: typed, documented, read once. The only reader of the environment.

A settings file (YAML) may hold the same names as `Settings`; what is given on the command line
goes before it, and it before the defaults.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Literal

from tiphys.errors import Finding, InvalidDocument, UserError
from tiphys.model.base import Json, JsonObject
from tiphys.model.codec import Document
from tiphys.service.mapping import read_mapping

_IDLE_SECONDS = 5.0
_RESPONSE_BYTES = 4 << 20
_ALLOWLIST = "WORKFLOW_USER_OVERRIDE_ALLOWLIST"
_NO_ESTIMATES = "SKIP_WORKFLOW_DURATION_ESTIMATION"
RUNTIMES = ("auto", "container", "sandbox", "process", "simulated")


@dataclass(frozen=True, slots=True)
class Image:
    """What an image name means here: `pattern` matches the repository name without registry or tag.

    `root` is "host", a directory or tar file with an image's files, or "podman:<image>"; `bin` are
    directories put first on PATH, `visible` others that the programs in them need; `entrypoint` and
    `cmd` stand in for the image's own.
    """

    pattern: str
    root: str = "host"
    bin: tuple[str, ...] = ()
    visible: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Http:
    """What HTTP templates may do; `runtime/addresses.py` says how the rules work together.

    Hosts are patterns, addresses CIDRs. `deny_addresses` None stands for the addresses at which
    machines learn about themselves. `max_response_bytes` limits each response.
    """

    allow_hosts: tuple[str, ...] = ()
    deny_hosts: tuple[str, ...] = ()
    allow_addresses: tuple[str, ...] = ()
    deny_addresses: tuple[str, ...] | None = None
    follow_redirects: bool = False
    max_response_bytes: int = _RESPONSE_BYTES


@dataclass(frozen=True, slots=True)
class Plugin:
    """An executor plugin that listens at `address`; it knows the engine by `token`."""

    address: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ArtifactDriver:
    """An artifact plugin that listens at `socket`; it has so long to answer. Source: Argo's
    `artifactDrivers` of the controller's ConfigMap.
    """

    name: str
    socket: Path
    connection_timeout_seconds: int = 5


@dataclass(frozen=True, slots=True)
class LoginRule:
    """Who gets which role after a login: `rule` is an expression over the claims."""

    rule: str
    role: str
    namespaces: tuple[str, ...] = ("*",)


@dataclass(frozen=True, slots=True)
class Login:
    """Login by an identity provider that speaks OpenID Connect."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    issuer_alias: str = ""
    redirect_url: str = ""
    scopes: tuple[str, ...] = ()
    session_seconds: float = 36_000.0
    groups_claim: str = "groups"
    user_info_path: str = ""
    filter_groups: tuple[str, ...] = ()
    root_ca: str = ""
    rules: tuple[LoginRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Server:
    """What `tiphys server` does besides its flags.

    `archive`: workflows that have ended are kept after they are deleted. `links`, `columns` and
    `nav_color` are for its pages, in Argo's form. `login` is how people log in with `sso`.
    """

    archive: bool = True
    links: tuple[JsonObject, ...] = ()
    columns: tuple[JsonObject, ...] = ()
    nav_color: str = ""
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class Listening:
    """How a server is reached, and by whom: the flags of `tiphys server`.

    `modes` are ways of knowing people (`auth/gate.py`). Without `certificate` and `key` a
    certificate is made. `allow_origin` is a site whose pages may use the API. `hsts` and
    `frame_options` ("": any site may frame them) are about pages; links of the settings begin with
    one of `link_protocols`.
    """

    host: str = "127.0.0.1"
    port: int = 2746
    modes: tuple[str, ...] = ("client",)
    secure: bool = True
    certificate: str = ""
    key: str = ""
    base_href: str = "/"
    allow_origin: str = ""
    hsts: bool = True
    frame_options: str = "DENY"
    link_protocols: tuple[str, ...] = ("http", "https")
    open_metrics: bool = False
    requests_per_second: int = 1000


@dataclass(frozen=True, slots=True)
class Settings:
    """How this process works.

    `home` is where all state is kept, but for what is in `database`, the address of a Postgres
    database ("": a file in the home). `runtime` is one of `RUNTIMES`. `slots` limits the jobs that
    run at once, of all workflows that one process drives (0: by the number of processors).
    `namespace` is where documents without one go. `parallelism` and `namespace_parallelism` limit
    the workflows at work at once, in all and in each namespace (0: any number). `idle_seconds` is
    how long a background engine waits for more work. `host_paths` are the directories of this
    machine that workflows may mount. `container_network` is the container engine's network that
    jobs are in, "host" the machine's own, "" the usual one. `node_labels` are this machine's as a
    node, for `nodeSelector`.

    `workflow_defaults` lies under every workflow: its metadata and spec. `template_referencing`
    is "", "Strict" or "Secure"; then workflows must refer to a template, and may set little beside
    it: `override_allowlist` are further fields of a spec. `retention` is how many ended workflows
    are kept ("completed", "failed", "errored"); what it does not name is kept.
    `artifact_repository` is where artifacts go that name no place, as in Argo; without it they stay
    below the home. `estimate_durations`: how long a workflow will take is told from earlier ones.
    """

    home: Path
    database: str = field(default="", repr=False)
    runtime: str = "auto"
    slots: int = 0
    namespace: str = "default"
    parallelism: int = 0
    namespace_parallelism: int = 0
    idle_seconds: float = _IDLE_SECONDS
    images: tuple[Image, ...] = ()
    host_paths: tuple[str, ...] = ()
    container_network: str = ""
    node_labels: Mapping[str, str] = field(default_factory=dict)
    http: Http = field(default_factory=Http)
    plugins: tuple[Plugin, ...] = ()
    artifact_drivers: tuple[ArtifactDriver, ...] = ()
    server: Server = field(default_factory=Server)
    workflow_defaults: JsonObject = field(default_factory=dict)
    template_referencing: Literal["", "Strict", "Secure"] = ""
    override_allowlist: frozenset[str] = frozenset()
    retention: Mapping[str, int] = field(default_factory=dict)
    artifact_repository: JsonObject = field(default_factory=dict)
    estimate_durations: bool = True
    environ: Mapping[str, str] = field(default_factory=dict)


SETTINGS = (
    "runtime",
    "slots",
    "namespace",
    "parallelism",
    "namespace_parallelism",
    "idle_seconds",
    "database",
    "images",
    "host_paths",
    "container_network",
    "node_labels",
    "http",
    "plugins",
    "artifact_drivers",
    "server",
    "workflow_defaults",
    "template_referencing",
    "override_allowlist",
    "retention",
    "artifact_repository",
    "estimate_durations",
)
"""What a settings file may hold."""
RETENTION_SETTINGS = ("completed", "failed", "errored")
"""What `retention` may hold."""
SERVER_SETTINGS = tuple(item.name for item in fields(Server))
"""What `server` may hold."""
LOGIN_SETTINGS = (*(item.name for item in fields(Login)), "client_secret_file")
"""What `login` of `server` may hold."""
RULE_SETTINGS = tuple(item.name for item in fields(LoginRule))
"""What an entry of `rules` of `login` may hold."""
IMAGE_SETTINGS = tuple(item.name for item in fields(Image))
"""What an entry of `images` may hold."""
HTTP_SETTINGS = tuple(item.name for item in fields(Http))
"""What `http` may hold."""
PLUGIN_SETTINGS = ("address", "token", "token_file")
"""What an entry of `plugins` may hold."""
ARTIFACT_DRIVER_SETTINGS = tuple(item.name for item in fields(ArtifactDriver))
"""What an entry of `artifact_drivers` may hold."""
_SOCKETS = "/tmp/artifact-plugins"  # noqa: S108 - where Argo's plugins listen


def load_settings(
    home: str | None = None,
    file: str | None = None,
    runtime: str | None = None,
    namespace: str | None = None,
    database: str | None = None,
) -> Settings:
    """Return the settings of this process. Raises InvalidDocument for a bad settings file."""
    environ = dict(os.environ)
    path = file or environ.get("TIPHYS_SETTINGS", "")
    given = _File(_read(Path(path)) if path else Document({}))
    base = Path(path).resolve().parent if path else Path()
    chosen = given.text("runtime")
    if chosen and chosen not in RUNTIMES:
        reason = f'"{chosen}" is not a runtime; there are {", ".join(RUNTIMES)}'
        raise given.wrong(reason, "runtime")
    return Settings(
        home=_home(home or environ.get("TIPHYS_HOME") or _default_home(environ)),
        database=database or environ.get("TIPHYS_DATABASE", "") or given.text("database"),
        runtime=runtime or chosen or "auto",
        slots=int(given.number("slots", 0, int)),
        namespace=namespace
        or environ.get("ARGO_NAMESPACE", "")
        or given.text("namespace")
        or "default",
        parallelism=int(given.number("parallelism", 0, int)),
        namespace_parallelism=int(given.number("namespace_parallelism", 0, int)),
        idle_seconds=float(given.number("idle_seconds", _IDLE_SECONDS, int | float)),
        images=tuple(_image(given, index, base) for index in range(len(given.items("images")))),
        host_paths=tuple(str((base / item).resolve()) for item in given.texts("host_paths")),
        container_network=given.text("container_network"),
        node_labels=_labels(given),
        http=_http(given),
        plugins=tuple(_plugin(given, index, base) for index in range(len(given.items("plugins")))),
        artifact_drivers=_artifact_drivers(given, base),
        server=_server(given, base),
        workflow_defaults=_checked(given, "workflow_defaults", _check_workflow),
        template_referencing=_referencing(given),
        override_allowlist=_allowlist(given, environ),
        retention=_retention(given),
        artifact_repository=_checked(given, "artifact_repository", _check_repository),
        estimate_durations=given.flag("estimate_durations", True)
        and environ.get(_NO_ESTIMATES) != "true",
        environ=environ,
    )


def _labels(file: _File) -> dict[str, str]:
    given = file.mapping("node_labels")
    found = {name: value for name, value in given.items() if isinstance(value, str)}
    if len(found) < len(given):
        raise file.wrong('setting "node_labels" is not a mapping of texts', "node_labels")
    return found


def _referencing(file: _File) -> Literal["", "Strict", "Secure"]:
    match file.text("template_referencing"):
        case "" | "Strict" | "Secure" as known:
            return known
        case other:
            reason = f'"template_referencing" is Strict or Secure, not "{other}"'
            raise file.wrong(reason, "template_referencing")


def _allowlist(file: _File, environ: Mapping[str, str]) -> frozenset[str]:
    """Return further fields a workflow may set. Raises UserError for unknown ones."""
    names = [name.strip() for name in environ.get(_ALLOWLIST, "").split(",")]
    found = frozenset(filter(None, names)) or frozenset(file.texts("override_allowlist"))
    if found:
        from tiphys.model.spec import WorkflowSpec

        known = WorkflowSpec.__struct_encode_fields__
        for name in sorted(found):
            if name not in known:
                raise UserError(f'{_ALLOWLIST}: "{name}" is not a WorkflowSpec field name')
    return found


def _retention(file: _File) -> dict[str, int]:
    given = file.mapping("retention")
    inner = _File(file.document, ("retention",))
    inner.check_names(given, RETENTION_SETTINGS, "retention")
    return {name: int(inner.number(name, 0, int)) for name in given}


def _check_workflow(given: JsonObject) -> None:
    from tiphys.model.codec import convert
    from tiphys.model.workflow import Workflow

    convert(given, Workflow, strict=True)


def _check_repository(given: JsonObject) -> None:
    from tiphys.model.codec import convert
    from tiphys.model.repositories import ArtifactRepository

    convert(given, ArtifactRepository, strict=True)


def _checked(file: _File, name: str, check: Callable[[JsonObject], None]) -> JsonObject:
    """Return a setting that is a document of its own. Raises InvalidDocument at the setting."""
    given = file.mapping(name)
    if given:
        try:
            check(given)
        except InvalidDocument as exc:
            raise file.wrong(f"{name}: {exc.findings[0].reason}", name) from exc
    return given


def _home(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _default_home(environ: Mapping[str, str]) -> str:
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return f"{data}/tiphys"


def _read(path: Path) -> Document:
    try:
        content = path.read_bytes()
    except OSError as exc:
        reason = f"the settings cannot be read: {exc.strerror or exc}"
        raise InvalidDocument([Finding(reason, file=str(path))]) from exc
    document = read_mapping(content, str(path), "a settings file")
    for name in document.value:
        if name not in SETTINGS:
            reason = f'unknown setting "{name}"; known are {", ".join(SETTINGS)}'
            raise InvalidDocument([document.finding(reason, (name,))])
    return document


@dataclass(frozen=True, slots=True)
class _File:
    """A settings file, or the entry of one at `path`, whose values are checked as they are read."""

    document: Document
    path: tuple[str | int, ...] = ()

    def wrong(self, reason: str, *path: str | int) -> InvalidDocument:
        """Return the error about the value at `path`."""
        return InvalidDocument([self.document.finding(reason, (*self.path, *path))])

    def value(self, name: str) -> Json:
        """Return a value, None if it is not given."""
        found: Json = self.document.value
        for part in (*self.path, name):
            if isinstance(found, list) and isinstance(part, int):
                found = found[part]
            else:
                found = found.get(str(part)) if isinstance(found, dict) else None
        return found

    def text(self, name: str) -> str:
        """Return a text, "" if it is not given."""
        value = self.value(name)
        if value is None or isinstance(value, str):
            return value or ""
        raise self.wrong(f'setting "{name}" is not a text', name)

    def number(self, name: str, default: float, kind: type | UnionType) -> float:
        """Return a number that is not negative."""
        value = self.value(name)
        if value is None:
            return default
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise self.wrong(f'setting "{name}" is not a number from 0 on', name)
        if not isinstance(value, kind):
            raise self.wrong(f'setting "{name}" is not a whole number', name)
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a switch."""
        value = self.value(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        raise self.wrong(f'setting "{name}" is neither true nor false', name)

    def check_names(self, given: JsonObject, known: tuple[str, ...], what: str) -> None:
        """Raise InvalidDocument if a mapping has a name that is not known."""
        for name in given:
            if name not in known:
                reason = f'unknown setting "{name}" of {what}; known are {", ".join(known)}'
                raise self.wrong(reason, name)

    def mapping(self, name: str) -> JsonObject:
        """Return a mapping, an empty one if it is not given."""
        value = self.value(name)
        if value is None or isinstance(value, dict):
            return value or {}
        raise self.wrong(f'setting "{name}" is not a mapping', name)

    def items(self, name: str) -> list[Json]:
        """Return a list, an empty one if it is not given."""
        value = self.value(name)
        if value is None or isinstance(value, list):
            return value or []
        raise self.wrong(f'setting "{name}" is not a list', name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = [item for item in self.items(name) if isinstance(item, str)]
        if len(found) < len(self.items(name)):
            raise self.wrong(f'setting "{name}" is not a list of texts', name)
        return tuple(found)


def _image(file: _File, index: int, base: Path) -> Image:
    """Return an entry of `images`; what is no absolute path in it is relative to the file."""
    entry = _File(file.document, ("images", index))
    given = file.items("images")[index]
    if not isinstance(given, dict):
        raise entry.wrong('every entry of "images" is a mapping with a pattern')
    entry.check_names(given, IMAGE_SETTINGS, "an image")
    if not entry.text("pattern"):
        raise entry.wrong('every entry of "images" needs a pattern')
    root = entry.text("root") or "host"
    is_place = root != "host" and not root.startswith("podman:")
    if is_place and not (base / root).exists():
        reason = (
            f'"root" is "host", a directory, a tar file or "podman:<image>"; no {root} is there'
        )
        raise entry.wrong(reason, "root")
    return Image(
        pattern=entry.text("pattern"),
        root=str((base / root).resolve()) if is_place else root,
        bin=tuple(str((base / item).resolve()) for item in entry.texts("bin")),
        visible=tuple(str((base / item).resolve()) for item in entry.texts("visible")),
        entrypoint=entry.texts("entrypoint"),
        cmd=entry.texts("cmd"),
    )


def _http(file: _File) -> Http:
    given = file.value("http")
    if given is None:
        return Http()
    entry = _File(file.document, ("http",))
    if not isinstance(given, dict):
        raise entry.wrong('setting "http" is not a mapping')
    entry.check_names(given, HTTP_SETTINGS, "http")
    denied = _networks(entry, "deny_addresses")
    return Http(
        allow_hosts=entry.texts("allow_hosts"),
        deny_hosts=entry.texts("deny_hosts"),
        allow_addresses=_networks(entry, "allow_addresses"),
        deny_addresses=None if entry.value("deny_addresses") is None else denied,
        follow_redirects=entry.flag("follow_redirects"),
        max_response_bytes=int(entry.number("max_response_bytes", _RESPONSE_BYTES, int)),
    )


def _networks(entry: _File, name: str) -> tuple[str, ...]:
    """Return a list of CIDRs, checked."""
    from tiphys.runtime.addresses import parse_network

    found = []
    for index, text in enumerate(entry.texts(name)):
        try:
            found.append(parse_network(text))
        except ValueError as exc:
            raise entry.wrong(f'"{text}" is no address and no CIDR', name, index) from exc
    return tuple(found)


def _plugin(file: _File, index: int, base: Path) -> Plugin:
    """Return an entry of `plugins`; its token may be in a file, relative to the settings file."""
    entry = _File(file.document, ("plugins", index))
    given = file.items("plugins")[index]
    if not isinstance(given, dict):
        raise entry.wrong('every entry of "plugins" is a mapping with an address')
    entry.check_names(given, PLUGIN_SETTINGS, "a plugin")
    address = entry.text("address")
    if not address.startswith(("http://", "https://")):
        raise entry.wrong('every entry of "plugins" needs an address that begins with http')
    token = entry.text("token")
    if entry.text("token_file"):
        token = _secret(entry, base, "token_file", "token")
    return Plugin(address, token)


def _artifact_drivers(file: _File, base: Path) -> tuple[ArtifactDriver, ...]:
    """Return the entries of `artifact_drivers`; a socket is relative to the settings file."""
    found: dict[str, ArtifactDriver] = {}
    for index, given in enumerate(file.items("artifact_drivers")):
        entry = _File(file.document, ("artifact_drivers", index))
        if not isinstance(given, dict):
            raise entry.wrong('every entry of "artifact_drivers" is a mapping with a name')
        entry.check_names(given, ARTIFACT_DRIVER_SETTINGS, "an artifact driver")
        name = entry.text("name")
        if not name or "/" in name or name in found:
            raise entry.wrong('every entry of "artifact_drivers" needs a name of its own')
        socket = entry.text("socket") or f"{_SOCKETS}/{name}/socket"
        seconds = int(entry.number("connection_timeout_seconds", 5, int))
        found[name] = ArtifactDriver(name, base / socket, seconds)
    return tuple(found.values())


def _server(file: _File, base: Path) -> Server:
    given = file.value("server")
    if given is None:
        return Server()
    entry = _File(file.document, ("server",))
    if not isinstance(given, dict):
        raise entry.wrong('setting "server" is not a mapping')
    entry.check_names(given, SERVER_SETTINGS, "the server")
    links = _objects(entry, "links")
    return Server(
        archive=True if entry.value("archive") is None else entry.flag("archive"),
        links=links,
        columns=_objects(entry, "columns"),
        nav_color=entry.text("nav_color"),
        login=None if entry.value("login") is None else _login(entry, base),
    )


def _objects(entry: _File, name: str) -> tuple[JsonObject, ...]:
    found = [item for item in entry.items(name) if isinstance(item, dict)]
    if len(found) < len(entry.items(name)):
        raise entry.wrong(f'setting "{name}" is not a list of mappings', name)
    return tuple(found)


def _login(file: _File, base: Path) -> Login:
    """Return how people log in; the client's secret may be in a file."""
    entry = _File(file.document, (*file.path, "login"))
    given = file.value("login")
    if not isinstance(given, dict):
        raise entry.wrong('setting "login" is not a mapping')
    entry.check_names(given, LOGIN_SETTINGS, "login")
    for name in ("issuer", "client_id"):
        if not entry.text(name):
            raise entry.wrong(f'setting "login" needs "{name}"')
    secret = entry.text("client_secret")
    if entry.text("client_secret_file"):
        secret = _secret(entry, base, "client_secret_file", "secret")
    return Login(
        issuer=entry.text("issuer"),
        client_id=entry.text("client_id"),
        client_secret=secret,
        issuer_alias=entry.text("issuer_alias"),
        redirect_url=entry.text("redirect_url"),
        scopes=entry.texts("scopes"),
        session_seconds=entry.number("session_seconds", 36_000.0, int | float),
        groups_claim=entry.text("groups_claim") or "groups",
        user_info_path=entry.text("user_info_path"),
        filter_groups=entry.texts("filter_groups"),
        root_ca=str(base / entry.text("root_ca")) if entry.text("root_ca") else "",
        rules=tuple(_login_rule(entry, index) for index in range(len(entry.items("rules")))),
    )


def _login_rule(file: _File, index: int) -> LoginRule:
    entry = _File(file.document, (*file.path, "rules", index))
    given = file.items("rules")[index]
    if not isinstance(given, dict) or not entry.text("rule") or not entry.text("role"):
        raise entry.wrong("every rule is a mapping with a rule and a role")
    entry.check_names(given, RULE_SETTINGS, "a rule")
    return LoginRule(entry.text("rule"), entry.text("role"), entry.texts("namespaces") or ("*",))


def _secret(entry: _File, base: Path, name: str, what: str) -> str:
    """Return the text of a file that a setting names."""
    path = entry.text(name)
    try:
        return (base / path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise entry.wrong(f"the {what} in {path} cannot be read", name) from exc
