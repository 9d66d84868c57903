//! The JavaScript that wasm-bindgen writes, made into a function that gives a new instance each time it is called.
//!
//! As it comes, it keeps one instance in the variables of its module, and starting another one takes the first from the
//! calls that are still in it. Inside a function each instance has variables of its own.

use crate::error::Error;

/// What a bundle exports: what the entry macro of `pikku-cloudflare` writes.
const EXPORTS: [&str; 5] = ["pikku_initialise", "pikku_fetch", "pikku_give_up", "pikku_message", "pikku_scheduled"];

/// The line that keeps the instance's exports.
const KEEPS: &str = "wasm = instance.exports;";

/// Wraps the exports through which JavaScript calls closures of Rust: a trap inside one, which is a `RuntimeError` or, where
/// the stack overflows, a `RangeError`, is thrown where nobody waits.
const WATCH: &str = "\
function watched(exports, trapped) {
const all = {};
for (const [name, value] of Object.entries(exports)) {
all[name] = name.includes(\"invoke\") ? (...given) => {
try {
return value(...given);
} catch (error) {
trapped();
throw error;
}
} : value;
}
return all;
}
";

/// Makes the module of it. `text` is what wasm-bindgen writes for its target `web`.
pub(super) fn module(text: &str) -> Result<String, Error> {
    let mut imports = String::new();
    let mut body = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines() {
        // The generator's indentation and comments are a quarter of the octets.
        let line = line.trim();
        if line.starts_with("/**") {
            in_comment = true;
        }
        if in_comment {
            in_comment = !line.ends_with("*/");
            continue;
        }
        if line.is_empty() || line.starts_with("//") || line.starts_with("export {") {
            continue;
        }
        let out = if line.starts_with("import ") { &mut imports } else { &mut body };
        out.push_str(line.strip_prefix("export ").unwrap_or(line));
        out.push('\n');
    }
    if body.matches(KEEPS).count() != 1 || !body.contains("function initSync(") {
        return Err(Error::bug("wasm-bindgen's JavaScript does not have the form that is known"));
    }
    let body = body.replace(KEEPS, "wasm = watched(instance.exports, trapped);");
    if let Some(missing) = EXPORTS.iter().find(|name| !body.contains(&format!("function {name}("))) {
        return Err(Error::bug(format!("the bundle does not export `{missing}`")));
    }
    Ok(format!(
        "// Written by cargo pikku from what wasm-bindgen writes.\n{imports}{WATCH}\
         export function instantiate(module, trapped) {{\n{body}initSync({{ module }});\nreturn {{ {} }};\n}}\n",
        EXPORTS.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "import { state } from './snippets/a/inline0.js';\n\n/**\n * @param {any} env\n */\n\
        export function pikku_initialise(env, host) {\n  return wasm.pikku_initialise(env, host);\n}\n\
        export function pikku_fetch() {}\nexport function pikku_give_up() {}\nexport function pikku_message() {}\nexport function pikku_scheduled() {}\n\
        let wasm;\nfunction __wbg_finalize_init(instance, module) {\n    wasm = instance.exports;\n}\n\
        function initSync(module) {\n}\nexport { initSync, __wbg_init as default };\n";

    #[test]
    fn the_text_becomes_a_function() {
        let module = module(TEXT).unwrap();
        assert!(module.starts_with("// Written by cargo pikku from what wasm-bindgen writes.\nimport { state } from"));
        assert!(module.contains("wasm = watched(instance.exports, trapped);"));
        assert!(!module.contains("@param") && !module.contains("export {"), "{module}");
        assert_eq!(module.matches("export ").count(), 1);
        let end = "return { pikku_initialise, pikku_fetch, pikku_give_up, pikku_message, pikku_scheduled };\n}\n";
        assert!(module.ends_with(end), "{module}");
    }

    #[test]
    fn another_form_is_refused() {
        assert!(module(&TEXT.replace("wasm = instance.exports", "wasm = exports")).is_err());
        let error = module(&TEXT.replace("pikku_message", "message")).unwrap_err();
        assert!(error.to_string().contains("does not export `pikku_message`"), "{error}");
    }
}
