"""Reads the operation documents: each `@rest` operation is a route. Refuses what does not validate or collides."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    get_nullable_type,
    parse,
    print_ast,
    specified_rules,
    type_from_ast,
    validate,
    value_from_ast_untyped,
    visit,
)
from graphql.language import Visitor

from resolvers.plans.variables import exact_of

APIS = ("surestage", "suradar", "sursakit", "microstax")
#: The variable that takes the whole body, and the one that takes `If-Match`.
INPUT, IF_VERSION = "input", "ifVersion"
_PREFIX = re.compile(r"^(/api)?/v1(?=/)")
_PARAMETER = re.compile(r"\{(\w+)\}")


class DocumentError(RuntimeError):
    """An operation document cannot be served; the message names file and operation."""


@dataclass(frozen=True)
class Variable:
    """A variable of an operation."""

    name: str
    type: GraphQLInputType
    required: bool
    default: Any
    has_default: bool
    description: str

    @cached_property
    def exact(self) -> Callable[[Any], bool] | None:
        """Whether a value is just what a scalar of GraphQL's own is; None for other types."""
        return exact_of(self.type)


@dataclass(frozen=True)
class RestOperation:
    """An operation that is served as a route."""

    name: str
    api: str
    group: str
    method: str
    path: str
    status: int
    #: The body is the root field's value alone, without the dialect's envelope.
    raw: bool
    #: The field of the body and its value that choose this operation among those of its path; None: it is the only one.
    when: tuple[str, str] | None
    #: Seconds that anybody may keep the answer; None where nobody may.
    max_age: int | None
    description: str
    #: The operation with the fragments that it uses: what is executed.
    text: str
    document: DocumentNode
    operation: OperationDefinitionNode
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Variable]
    #: The one root field: its key in `data`, its name and its type.
    root_key: str
    root_node: FieldNode
    root_field: str
    root_type: GraphQLOutputType
    #: Whether anybody may call it, or what it takes: ("environments", "read").
    access: tuple[str, str] | None

    @property
    def is_stream(self) -> bool:
        """Whether it is a WebSocket."""
        return self.method == "WS"

    @cached_property
    def is_mutation(self) -> bool:
        """Whether it changes something."""
        return self.operation.operation is OperationType.MUTATION

    @cached_property
    def redirects(self) -> bool:
        """Whether the answer is a redirect to the `url` of the root field's value."""
        return self.status == 302

    @cached_property
    def path_parameters(self) -> list[str]:
        """The names in the path, in order."""
        return _PARAMETER.findall(self.path)

    @cached_property
    def connection(self) -> bool:
        """Whether the root field is a page of a list."""
        answered = get_named_type(self.root_type)
        return isinstance(answered, GraphQLObjectType) and "pageInfo" in answered.fields

    @cached_property
    def answers_a_node(self) -> bool:
        """Whether the answer can be read again by its id: one object, not a list of them."""
        answered = get_nullable_type(self.root_type)
        return isinstance(answered, GraphQLObjectType) and any(each.name == "Node" for each in answered.interfaces)

    @cached_property
    def body_variables(self) -> dict[str, Variable]:
        """The variables that neither path nor header give."""
        taken = {*self.path_parameters, IF_VERSION}
        return {name: variable for name, variable in self.variables.items() if name not in taken}

    @cached_property
    def takes_body(self) -> bool:
        """Whether the body says something."""
        says = bool(self.body_variables) or self.when is not None
        return self.method in ("POST", "PUT", "PATCH") and says

    def paths(self) -> list[str]:
        """The documented path and its aliases; MicroStax routes also stand without a prefix."""
        bare = _PREFIX.sub("", self.path)
        aliases = [self.path, f"/v1{bare}", f"/api/v1{bare}", *([bare] if self.api == "microstax" else [])]
        return list(dict.fromkeys(aliases))


def load_operations(
    folder: Path, schema: GraphQLSchema, access: Mapping[str, Any], *, validated: bool = False
) -> list[RestOperation]:
    """All routes under `graphql/<api>/`. Raises `DocumentError`; `access` tells what each root field takes.

    What is known to be valid is not validated again: that takes a third of a second for a hundred operations.
    """
    operations = [
        operation
        for api in APIS
        if (folder / api).is_dir()
        for operation in _load_api(folder / api, schema, access, validated)
    ]
    taken: dict[tuple[str, str, Any], str] = {}
    if not validated:
        _check_fragments(operations)
    for operation in operations:
        if operation.max_age is not None and operation.access is not None:
            raise DocumentError(f"{operation.name}: only what is public may be kept by others")
        if operation.method == "GET" and operation.is_mutation and not operation.redirects:
            raise DocumentError(f"{operation.name}: a GET changes nothing, unless it is a step of a redirect")
        for path in operation.paths():
            key = (operation.method, _PARAMETER.sub("{}", path), operation.when)
            other = taken.setdefault(key, operation.name)
            if other != operation.name:
                raise DocumentError(f"{operation.name} and {other} both answer {operation.method} {path}")
    return operations


def _check_fragments(operations: list[RestOperation]) -> None:
    """Raises `DocumentError` for a name with two meanings: they name schemas of the OpenAPI document, one for all."""
    texts: dict[str, str] = {}
    for operation in operations:
        for name, fragment in operation.fragments.items():
            text = print_ast(fragment)
            if texts.setdefault(name, text) != text:
                raise DocumentError(f"{operation.name}: another API has another fragment named {name}; rename one")


def _load_api(
    folder: Path, schema: GraphQLSchema, access: Mapping[str, Any], validated: bool
) -> Iterator[RestOperation]:
    documents = {path: parse(path.read_text()) for path in sorted(folder.glob("*.graphql"))}
    fragments = {
        node.name.value: node
        for document in documents.values()
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    for path, document in documents.items():
        for node in document.definitions:
            if isinstance(node, OperationDefinitionNode):
                _check(node, fragments, schema, path, validated)
                yield _operation(node, fragments, folder.name, schema, access, path)


def _check(
    node: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    schema: GraphQLSchema,
    path: Path,
    validated: bool,
) -> None:
    """Raises `DocumentError` for an operation that does not validate."""
    if validated:
        return
    document = DocumentNode(definitions=(node, *_used_fragments(node, fragments).values()))
    errors = validate(schema, document, specified_rules)
    if errors:
        name = node.name.value if node.name else "?"
        raise DocumentError(f"{path.name}: {name}: {errors[0].message}")


def _operation(
    node: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    api: str,
    schema: GraphQLSchema,
    access: Mapping[str, Any],
    path: Path,
) -> RestOperation:
    name = node.name.value if node.name else "?"
    used = _used_fragments(node, fragments)
    document = DocumentNode(definitions=(node, *used.values()))
    rest = _rest_arguments(node, schema, f"{path.name}: {name}")
    root = schema.get_root_type(node.operation)
    fields = [selection for selection in node.selection_set.selections if isinstance(selection, FieldNode)]
    if root is None or len(fields) != 1 or len(node.selection_set.selections) != 1:
        raise DocumentError(f"{path.name}: {name}: a route has exactly one root field")
    field = fields[0]
    return RestOperation(
        name=name,
        api=api,
        group=rest.get("group") or path.stem,
        method=rest["method"],
        path=rest["path"],
        status=rest.get("status", 200),
        raw=rest.get("raw", False),
        when=_condition(rest.get("when"), name),
        max_age=rest.get("maxAge"),
        description=node.description.value if node.description else name,
        text=print_ast(document),
        document=document,
        operation=node,
        fragments=used,
        variables=_variables(node, schema),
        root_key=field.alias.value if field.alias else field.name.value,
        root_node=field,
        root_field=field.name.value,
        root_type=root.fields[field.name.value].type,
        access=access[field.name.value],
    )


def _rest_arguments(node: OperationDefinitionNode, schema: GraphQLSchema, where: str) -> dict[str, Any]:
    for directive in node.directives or ():
        if directive.name.value == "rest":
            return {
                argument.name.value: value_from_ast_untyped(argument.value) for argument in directive.arguments or ()
            }
    raise DocumentError(f"{where}: an operation of an API takes @rest(method:, path:)")


def _condition(text: str | None, name: str) -> tuple[str, str] | None:
    if text is None:
        return None
    field, equals, value = text.partition("=")
    if not (field and equals and value):
        raise DocumentError(f"{name}: `when` is `field=value`, not {text!r}")
    return field, value


def _variables(node: OperationDefinitionNode, schema: GraphQLSchema) -> dict[str, Variable]:
    variables = {}
    for definition in node.variable_definitions or ():
        name = definition.variable.name.value
        type_ = cast(GraphQLInputType, type_from_ast(schema, definition.type))
        default = value_from_ast_untyped(definition.default_value) if definition.default_value else None
        description = getattr(definition, "description", None)
        variables[name] = Variable(
            name=name,
            type=type_,
            required=definition.type.kind == "non_null_type" and definition.default_value is None,
            default=default,
            has_default=definition.default_value is not None,
            description=description.value if description else "",
        )
    return variables


def _used_fragments(
    node: OperationDefinitionNode | FragmentDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> dict[str, FragmentDefinitionNode]:
    """The fragments that an operation needs, those of fragments included."""
    used: dict[str, FragmentDefinitionNode] = {}

    class Spreads(Visitor):
        def enter_fragment_spread(self, spread: FragmentSpreadNode, *_: Any) -> None:
            name = spread.name.value
            if name in fragments and name not in used:
                used[name] = fragments[name]
                visit(fragments[name], self)

    visit(node, Spreads())
    return used
