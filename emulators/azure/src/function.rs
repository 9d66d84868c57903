//! `function.json`: what the host takes, and what it refuses.

use crate::route::Route;
use serde_json::{Map, Value};
use std::{collections::BTreeSet, fmt, str::FromStr};

/// What sets a function off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// `httpTrigger`.
    Http,
    /// `queueTrigger`: a storage queue.
    Queue,
    /// `serviceBusTrigger`: a queue or a subscription of Service Bus.
    ServiceBus,
    /// `eventGridTrigger`.
    EventGrid,
    /// `eventHubTrigger`.
    EventHub,
    /// `blobTrigger`.
    Blob,
    /// `timerTrigger`.
    Timer,
    /// Another one, by its type.
    Other(String),
}

const TRIGGERS: [(&str, &str, Trigger); 7] = [
    ("http", "httpTrigger", Trigger::Http),
    ("queue", "queueTrigger", Trigger::Queue),
    ("service-bus", "serviceBusTrigger", Trigger::ServiceBus),
    ("event-grid", "eventGridTrigger", Trigger::EventGrid),
    ("event-hub", "eventHubTrigger", Trigger::EventHub),
    ("blob", "blobTrigger", Trigger::Blob),
    ("timer", "timerTrigger", Trigger::Timer),
];

impl Trigger {
    /// The short names, such as `service-bus`.
    pub const NAMES: [&'static str; 7] = ["http", "queue", "service-bus", "event-grid", "event-hub", "blob", "timer"];

    fn of_type(kind: &str) -> Self {
        let known = TRIGGERS.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(kind));
        known.map_or_else(|| Self::Other(kind.to_owned()), |(_, _, trigger)| trigger.clone())
    }

    /// The setting that names the connection where the function has none (the extensions' documents).
    fn default_connection(&self) -> Option<&'static str> {
        match self {
            Self::Queue | Self::Blob => Some("AzureWebJobsStorage"),
            Self::ServiceBus => Some("AzureWebJobsServiceBus"),
            Self::EventHub => Some("AzureWebJobsEventHub"),
            _ => None,
        }
    }
}

impl FromStr for Trigger {
    type Err = ();

    /// Reads a short name.
    fn from_str(name: &str) -> Result<Self, ()> {
        TRIGGERS.iter().find(|(known, ..)| *known == name).map(|(.., trigger)| trigger.clone()).ok_or(())
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(kind) => f.write_str(kind),
            known => {
                let kind = TRIGGERS.iter().find(|(.., trigger)| trigger == known).map_or("", |(_, kind, _)| kind);
                f.write_str(kind)
            }
        }
    }
}

/// A function of the bundle, as the host knows it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Function {
    /// Its name: that of its folder.
    pub name: String,
    /// What sets it off.
    pub trigger: Trigger,
    /// The name of the trigger's binding.
    pub binding: String,
    /// What the trigger is told, by the names of `function.json`, settings in it resolved.
    pub settings: Map<String, Value>,
    /// How often a failed invocation is tried again by the host's retry policy.
    pub retries: u32,
    pub(crate) outputs: Vec<OutputBinding>,
    pub(crate) bindings: usize,
    pub(crate) http: Option<HttpSettings>,
}

#[derive(Clone, Debug)]
pub(crate) struct OutputBinding {
    pub(crate) name: String,
    pub(crate) http: bool,
    pub(crate) binary: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct HttpSettings {
    pub(crate) route: Route,
    /// Empty for all.
    pub(crate) methods: Vec<String>,
    pub(crate) anonymous: bool,
}

/// What a function is read with.
pub(crate) struct Surroundings<'a> {
    pub(crate) extension_bundle: bool,
    pub(crate) route_prefix: &'a str,
    pub(crate) setting: &'a dyn Fn(&str) -> Option<String>,
    /// The names of all settings.
    pub(crate) settings: &'a [String],
}

impl Function {
    /// Whether the host sends a client's request on as it is, where it is told to: one trigger of HTTP and one output of it
    /// (`IsHttpInAndOutFunction` of the host's `FunctionMetadataExtensions`).
    pub(crate) fn is_http_in_and_out(&self) -> bool {
        self.trigger == Trigger::Http && self.bindings == 2 && matches!(&self.outputs[..], [output] if output.http)
    }

    /// Reads a `function.json`.
    ///
    /// Rules: `ReadFunctionMetadata` and `ParseFunctionMetadata` of the host's `HostFunctionMetadataProvider`,
    /// `ValidateBinding` and `FunctionNameValidationRegex` of its `Utility`, `ValidateFunction` of its
    /// `FunctionDescriptorProvider`, `GetBindings` of its `FunctionBinding`.
    ///
    /// # Errors
    /// Why the host does not take the function; it goes on with the others.
    pub(crate) fn read(name: &str, json: &[u8], around: &Surroundings<'_>) -> Result<Self, String> {
        if !is_name(name, 127, true) || name.eq_ignore_ascii_case("host") {
            return Err(format!("'{name}' is not a valid function name."));
        }
        let json: Value =
            serde_json::from_slice(json).map_err(|error| format!("function.json is not JSON: {error}"))?;
        let bindings = json.get("bindings").and_then(Value::as_array).filter(|bindings| !bindings.is_empty());
        let bindings = bindings.ok_or("At least one binding must be declared.")?;
        let (mut trigger, mut outputs, mut names) = (None, Vec::new(), BTreeSet::new());
        for binding in bindings {
            let binding = Binding::read(binding, around.setting)?;
            if !names.insert(binding.name.to_ascii_lowercase()) {
                return Err(format!(
                    "Multiple bindings with name '{}' discovered. Binding names must be unique.",
                    binding.name
                ));
            }
            binding.check_extension(around)?;
            match binding.direction {
                Direction::In if binding.is_trigger() && trigger.is_some() => {
                    return Err(
                        "Multiple trigger bindings defined. A function can only have a single trigger binding.".into(),
                    );
                }
                Direction::In if binding.is_trigger() => trigger = Some(binding),
                Direction::In if binding.kind.eq_ignore_ascii_case("http") => {
                    return Err("Http binding can only be used for output.".into());
                }
                Direction::In => {}
                Direction::Out => outputs.push(OutputBinding {
                    http: binding.kind.eq_ignore_ascii_case("http"),
                    binary: binding.text("dataType").is_some_and(|kind| kind.eq_ignore_ascii_case("binary")),
                    name: binding.name,
                }),
            }
        }
        let trigger = trigger.ok_or("No trigger binding specified. A function must have a trigger input binding.")?;
        let retries = retries(json.get("retry"))?;
        let kind = Trigger::of_type(&trigger.kind);
        trigger.check(&kind, around)?;
        let http = if kind == Trigger::Http { Some(trigger.http(name, around.route_prefix)?) } else { None };
        Ok(Self {
            name: name.to_owned(),
            binding: trigger.name,
            trigger: kind,
            settings: trigger.settings,
            retries,
            outputs,
            bindings: bindings.len(),
            http,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

struct Binding {
    name: String,
    kind: String,
    direction: Direction,
    settings: Map<String, Value>,
}

impl Binding {
    fn read(json: &Value, setting: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let Value::Object(json) = json else { return Err("a binding is no object".to_owned()) };
        let text = |name: &str| json.get(name).and_then(Value::as_str);
        let name = text("name").unwrap_or_default();
        if name != "$return" && !is_name(name, 127, false) {
            return Err(format!("The binding name {name} is invalid. Please assign a valid name to the binding."));
        }
        let kind = text("type").ok_or_else(|| format!("Binding '{name}' is invalid. Bindings must specify a Type."))?;
        // An enum that is not given is its first value, which is `In`.
        let direction = match text("direction").unwrap_or("in").to_ascii_lowercase().as_str() {
            "in" => Direction::In,
            "out" => Direction::Out,
            "inout" => return Err("this host knows no binding of both directions".to_owned()),
            other => return Err(format!("'{other}' is not a valid binding direction.")),
        };
        if name == "$return" && direction != Direction::Out {
            return Err("$return bindings must specify a direction of 'out'.".to_owned());
        }
        let mut settings = json.clone();
        for (member, value) in &mut settings {
            // A connection is the name of a setting, and no expression.
            if let Value::String(text) = value
                && member != "connection"
            {
                *text = resolve(text, setting)?;
            }
        }
        Ok(Self { name: name.to_owned(), kind: kind.to_owned(), direction, settings })
    }

    fn is_trigger(&self) -> bool {
        self.kind.to_ascii_lowercase().ends_with("trigger")
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str)
    }

    /// HTTP and timers are the host's own; all others come with an extension bundle ("Register Azure Functions binding
    /// extensions").
    fn check_extension(&self, around: &Surroundings<'_>) -> Result<(), String> {
        let own = ["http", "httptrigger", "timertrigger"].contains(&self.kind.to_ascii_lowercase().as_str());
        if own || around.extension_bundle {
            return Ok(());
        }
        Err(format!(
            "The binding type(s) '{}' are not registered. Please ensure the type is correct and the binding extension is \
             installed.",
            self.kind
        ))
    }

    /// What a trigger cannot be without, by the document of each.
    fn check(&self, kind: &Trigger, around: &Surroundings<'_>) -> Result<(), String> {
        let needed: &[&str] = match kind {
            Trigger::Queue => &["queueName"],
            Trigger::EventHub => &["eventHubName"],
            Trigger::Blob => &["path"],
            Trigger::Timer => &["schedule"],
            Trigger::ServiceBus if self.text("topicName").is_some() => &["subscriptionName"],
            Trigger::ServiceBus => &["queueName"],
            _ => &[],
        };
        if let Some(missing) = needed.iter().find(|name| self.text(name).is_none_or(str::is_empty)) {
            return Err(format!("the {kind} has no `{missing}`"));
        }
        if *kind == Trigger::Timer {
            check_schedule(self.text("schedule").unwrap_or_default())?;
        }
        let Some(default) = kind.default_connection() else { return Ok(()) };
        let connection = self.text("connection").filter(|name| !name.is_empty()).unwrap_or(default);
        // A connection string, or an identity-based connection: settings that begin with its name and two underscores.
        let names = [connection.to_owned(), format!("AzureWebJobs{connection}")];
        let given = around.settings.iter().any(|known| {
            names.iter().any(|name| {
                known == name || known.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with("__"))
            })
        });
        if given {
            return Ok(());
        }
        Err(format!("the connection '{connection}' of the {kind} does not exist: no setting has that name"))
    }

    fn http(&self, function: &str, prefix: &str) -> Result<HttpSettings, String> {
        let route = self.text("route").unwrap_or(function);
        let methods = match self.settings.get("methods") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(methods)) => {
                methods.iter().filter_map(Value::as_str).map(str::to_ascii_uppercase).collect()
            }
            Some(_) => return Err("`methods` of the httpTrigger is no list".to_owned()),
        };
        let anonymous = match self.text("authLevel").unwrap_or("function").to_ascii_lowercase().as_str() {
            "anonymous" => true,
            "function" | "admin" | "system" | "user" => false,
            other => return Err(format!("Error converting value \"{other}\" to type 'AuthorizationLevel'.")),
        };
        Ok(HttpSettings { route: Route::read(prefix, route)?, methods, anonymous })
    }
}

/// `^[a-z][a-z0-9_\-]{0,127}$`, ignoring case, of functions, and `^[a-zA-Z][a-zA-Z0-9]{0,127}$` of bindings.
fn is_name(name: &str, more: usize, dashes: bool) -> bool {
    let mut octets = name.bytes();
    octets.next().is_some_and(|first| first.is_ascii_alphabetic())
        && name.len() <= more + 1
        && octets.all(|octet| octet.is_ascii_alphanumeric() || (dashes && matches!(octet, b'_' | b'-')))
}

/// Settings in a text, `%NAME%`, by their values (`DefaultNameResolver` of the WebJobs SDK).
fn resolve(text: &str, setting: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut parts = text.split('%');
    let mut resolved = parts.next().unwrap_or_default().to_owned();
    while let Some(name) = parts.next() {
        let Some(after) = parts.next() else {
            return Err(format!("The '%' at position {} does not have a closing '%'", text.rfind('%').unwrap_or(0)));
        };
        let value = setting(name).filter(|value| !value.is_empty());
        resolved.push_str(&value.ok_or_else(|| format!("'%{name}%' does not resolve to a value."))?);
        resolved.push_str(after);
    }
    Ok(resolved)
}

/// NCRONTAB of six fields, or a time span ("Timer trigger for Azure Functions"). Ranges of fields are checked; the host's own
/// parser also knows names of months and days.
fn check_schedule(schedule: &str) -> Result<(), String> {
    let wrong = || {
        format!(
            "The schedule expression '{schedule}' was not recognized as a valid cron expression or timespan string."
        )
    };
    let fields: Vec<&str> = schedule.split_ascii_whitespace().collect();
    if let [span] = fields[..] {
        let parts: Vec<&str> = span.split(':').collect();
        let digits =
            |part: &&str| !part.is_empty() && part.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        return if parts.len() == 3 && parts.iter().all(digits) { Ok(()) } else { Err(wrong()) };
    }
    if !matches!(fields.len(), 5 | 6) {
        return Err(wrong());
    }
    let ranges = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    let fits = fields.iter().zip(&ranges[6 - fields.len()..]).all(|(field, range)| field_fits(field, *range));
    if fits { Ok(()) } else { Err(wrong()) }
}

fn field_fits(field: &str, (least, most): (u32, u32)) -> bool {
    const NAMES: &str = "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat";
    let value = |text: &str| {
        let named = text.len() == 3 && NAMES.split(' ').any(|name| name.eq_ignore_ascii_case(text));
        named || text.parse().is_ok_and(|number: u32| (least..=most).contains(&number))
    };
    field.split(',').all(|part| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let stepped = step.is_none_or(|step| step.parse().is_ok_and(|step: u32| step > 0));
        let ranged =
            range == "*" || range.split_once('-').map_or_else(|| value(range), |(from, to)| value(from) && value(to));
        stepped && ranged
    })
}

/// `ValidateRetryOptions` of the host's `Utility`: a strategy, a count, and what the strategy needs.
fn retries(retry: Option<&Value>) -> Result<u32, String> {
    let Some(retry) = retry.filter(|retry| !retry.is_null()) else { return Ok(0) };
    let has = |name: &str| retry.get(name).is_some_and(|value| !value.is_null());
    let strategy = retry.get("strategy").and_then(Value::as_str).unwrap_or_default();
    let needed: &[&str] = match strategy.to_ascii_lowercase().as_str() {
        "fixeddelay" => &["maxRetryCount", "delayInterval"],
        "exponentialbackoff" => &["maxRetryCount", "minimumInterval", "maximumInterval"],
        other => return Err(format!("the retry strategy '{other}' is not known")),
    };
    if let Some(missing) = needed.iter().find(|name| !has(name)) {
        return Err(format!("the retry policy has no `{missing}`"));
    }
    let count = retry.get("maxRetryCount").and_then(Value::as_i64).unwrap_or_default();
    u32::try_from(count).map_err(|_| "`maxRetryCount` of the retry policy is below zero".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(name: &str, json: &Value, settings: &[&str]) -> Result<Function, String> {
        let names: Vec<String> = settings.iter().map(|name| (*name).to_owned()).collect();
        let setting = |name: &str| settings.contains(&name).then(|| format!("value-of-{name}"));
        let around = Surroundings { extension_bundle: true, route_prefix: "api", setting: &setting, settings: &names };
        Function::read(name, json.to_string().as_bytes(), &around)
    }

    fn queue() -> Value {
        json!({"bindings": [{"type": "queueTrigger", "direction": "in", "name": "message", "queueName": "%Q%"}]})
    }

    #[test]
    fn a_function_is_what_its_file_says() {
        let function = read("queue-orders", &queue(), &["Q", "AzureWebJobsStorage__accountName"]).unwrap();
        assert_eq!((function.trigger, &*function.binding), (Trigger::Queue, "message"));
        assert_eq!(function.settings["queueName"], "value-of-Q");
        let http = json!({"bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req", "methods": ["get"], "authLevel": "anonymous"},
            {"type": "http", "direction": "out", "name": "res"},
        ]});
        assert!(read("hello", &http, &[]).unwrap().is_http_in_and_out());
    }

    #[test]
    fn what_the_host_refuses_is_refused() {
        let storage = &["AzureWebJobsStorage", "Q"][..];
        let timer = |schedule: &str| json!({"bindings": [{"type": "timerTrigger", "name": "t", "schedule": schedule}]});
        let trigger = json!({"type": "httpTrigger", "direction": "in", "name": "req"});
        for (name, json, settings, reason) in [
            ("1st", queue(), storage, "not a valid function name"),
            ("host", queue(), storage, "not a valid function name"),
            ("f", json!({"bindings": []}), storage, "At least one binding"),
            ("f", json!({"bindings": [{"type": "http", "direction": "out", "name": "res"}]}), storage, "No trigger"),
            (
                "f",
                json!({"bindings": [trigger, {"type": "http", "direction": "in", "name": "res"}]}),
                storage,
                "only be used for output",
            ),
            (
                "f",
                json!({"bindings": [trigger, {"type": "http", "direction": "up", "name": "res"}]}),
                storage,
                "not a valid binding direction",
            ),
            (
                "f",
                json!({"bindings": [trigger, {"type": "http", "direction": "out", "name": "req"}]}),
                storage,
                "must be unique",
            ),
            (
                "f",
                json!({"bindings": [trigger, {"type": "timerTrigger", "direction": "in", "name": "t"}]}),
                storage,
                "Multiple trigger",
            ),
            (
                "f",
                json!({"bindings": [{"type": "httpTrigger", "direction": "in", "name": "my-req"}]}),
                storage,
                "binding name my-req is invalid",
            ),
            ("f", queue(), &["AzureWebJobsStorage"], "'%Q%' does not resolve"),
            ("f", queue(), &["Q"], "connection 'AzureWebJobsStorage'"),
            ("f", timer("* * *"), storage, "was not recognized"),
            ("f", timer("0 61 * * * *"), storage, "was not recognized"),
            (
                "f",
                json!({"retry": {"strategy": "fixedDelay", "maxRetryCount": 2}, "bindings": [trigger]}),
                storage,
                "delayInterval",
            ),
        ] {
            let refused = read(name, &json, settings).unwrap_err();
            assert!(refused.contains(reason), "{refused} does not say {reason}");
        }
        for schedule in ["0 */5 * * * *", "*/5 * * * *", "0 30 9-17 * JAN,jul mon-fri", "24:00:00"] {
            assert!(read("f", &timer(schedule), &[]).is_ok(), "{schedule}");
        }
    }

    #[test]
    fn an_extension_is_needed_for_all_but_http_and_timers() {
        let setting = |_: &str| Some("x".to_owned());
        let around = Surroundings { extension_bundle: false, route_prefix: "", setting: &setting, settings: &[] };
        let refused = Function::read("f", queue().to_string().as_bytes(), &around).unwrap_err();
        assert!(refused.contains("'queueTrigger' are not registered"), "{refused}");
    }
}
