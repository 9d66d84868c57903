use pikku::{Problem, service::Env};
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console)]
    fn log(line: &str);
}

/// The Worker's console, which other lines go to as well: those of the echo begin with `ECHO `.
#[derive(Debug)]
pub(super) struct Sink;

impl Sink {
    pub(super) fn of(_env: &Env) -> Self {
        Self
    }

    pub(super) fn append(&self, line: &str) -> Result<(), Problem> {
        log(&format!("ECHO {line}"));
        Ok(())
    }
}
