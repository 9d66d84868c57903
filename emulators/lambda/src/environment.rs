//! The environment a function finds on `provided.al2023`.

use crate::{builder::Settings, id};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    net::SocketAddr,
    path::Path,
};

/// The account that AWS's own documents use.
pub(crate) const ACCOUNT: &str = "123456789012";

const DEFAULT_REGION: &str = "us-east-1";

/// The variables of one process. What Lambda reserves wins over what the caller sets, which wins over what is
/// inherited. `AWS_EXECUTION_ENV` is absent, as Lambda does not set it on OS-only runtimes.
pub(crate) fn variables(settings: &Settings, task_root: &Path, api: SocketAddr) -> BTreeMap<OsString, OsString> {
    let mut all: BTreeMap<OsString, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: &OsStr| all.insert(name.into(), value.to_owned());
    set("LANG", "en_US.UTF-8".as_ref());
    set("TZ", ":UTC".as_ref());
    set("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin".as_ref());
    set("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".as_ref());
    if settings.inherit_environment {
        all.extend(std::env::vars_os());
    }
    // The libraries of this machine's build tools are not the function's.
    let mut libraries = task_root.as_os_str().to_owned();
    libraries.push(":");
    libraries.push(task_root.join("lib"));
    all.insert("LD_LIBRARY_PATH".into(), libraries);
    all.extend(settings.environment.clone());

    let region = region(settings);
    let concurrent = settings.max_concurrency > 1;
    let reserved: [(&str, OsString); 13] = [
        ("AWS_LAMBDA_RUNTIME_API", api.to_string().into()),
        ("AWS_LAMBDA_FUNCTION_NAME", settings.function_name.clone().into()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", settings.memory_mb.to_string().into()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", settings.function_name).into()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", id::log_stream().into()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", if concurrent { "lambda-managed-instances" } else { "on-demand" }.into()),
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
        ("_HANDLER", "bootstrap".into()),
        ("LAMBDA_TASK_ROOT", task_root.as_os_str().to_owned()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".into()),
        ("AWS_LAMBDA_MAX_CONCURRENCY", settings.max_concurrency.to_string().into()),
    ];
    all.extend(reserved.map(|(name, value)| (name.into(), value)));
    if !concurrent {
        all.remove(OsStr::new("AWS_LAMBDA_MAX_CONCURRENCY"));
    }
    all
}

/// The region the function runs in.
pub(crate) fn region(settings: &Settings) -> OsString {
    let given = |name: &str| settings.environment.get(OsStr::new(name)).cloned();
    let inherited = |name: &str| settings.inherit_environment.then(|| std::env::var_os(name)).flatten();
    settings
        .region
        .clone()
        .map(OsString::from)
        .or_else(|| given("AWS_REGION"))
        .or_else(|| given("AWS_DEFAULT_REGION"))
        .or_else(|| inherited("AWS_REGION"))
        .or_else(|| inherited("AWS_DEFAULT_REGION"))
        .unwrap_or_else(|| DEFAULT_REGION.into())
}

/// The function's name as AWS addresses it.
pub(crate) fn function_arn(settings: &Settings) -> String {
    format!("arn:aws:lambda:{}:{ACCOUNT}:function:{}", region(settings).to_string_lossy(), settings.function_name)
}
