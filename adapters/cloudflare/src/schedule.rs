use crate::{
    call::promise,
    instance::{App, context, deliver, engine, not_taken},
};
use js_sys::Promise;
use pikku::{Kinds, Selection, call::ScheduledRun, dispatch::Arrival};
use wasm_bindgen::JsValue;

/// Runs the wiring of that expression: a promise that is rejected when the run failed.
pub fn scheduled<S: Selection>(app: &'static App<S>, call: u32, cron: String, time_ms: f64) -> Promise {
    if !const { S::KINDS.has(Kinds::CRON) } {
        return not_taken("schedules");
    }
    promise(call, async move {
        let Ok(engine) = engine(app).await else { return Err(failed("the app could not start")) };
        let Some(target) = engine.target(&Arrival::Schedule(&cron)) else {
            let wired: Vec<&str> = engine.source_ids().collect();
            let text = format!(
                "no function of this bundle is wired for the schedule `{cron}`; wired are: {}",
                wired.join(", ")
            );
            return Err(failed(&text));
        };
        let context = context(&engine, app.timeout_ms, None, None);
        let run = ScheduledRun {
            schedule: cron.clone(),
            schedule_id: cron,
            id: context.id.as_ref().to_owned(),
            origin: "cloudflare".to_owned(),
            time: String::from(js_sys::Date::new(&JsValue::from_f64(time_ms)).to_iso_string()).replace(".000Z", "Z"),
            time_ms: Some(time_ms as u64),
            ..ScheduledRun::default()
        };
        match deliver(&engine, target, run.into(), context).await {
            Ok(_) => Ok(JsValue::UNDEFINED),
            // The text is public; the private one is in the log.
            Err(problem) => Err(failed(&problem.to_string())),
        }
    })
}

fn failed(text: &str) -> JsValue {
    js_sys::Error::new(text).into()
}
