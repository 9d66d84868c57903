use super::{
    OutlastsCalls, Service,
    plan::{Node, Plan, Provided},
};
use crate::{BoxError, Platform, error::chain, future::BoxFuture};
use std::{
    any::{Any, TypeId},
    fmt,
    future::poll_fn,
    sync::{Arc, OnceLock},
    task::Poll,
};

/// A built singleton, whatever its type.
pub(crate) type Value = dyn Any + Send + Sync;

/// The place of a singleton: empty until it is built.
#[derive(Default)]
pub(super) struct Built(OnceLock<Box<Value>>);

impl From<Box<Value>> for Built {
    fn from(value: Box<Value>) -> Self {
        Self(OnceLock::from(value))
    }
}

impl fmt::Debug for Built {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.get().is_some() { "built" } else { "not built" })
    }
}

/// A singleton being built.
type Building<'a> = BoxFuture<'a, Result<Box<Value>, BoxError>>;

/// The singletons of a running app.
#[derive(Debug)]
pub struct Container {
    nodes: Vec<Node>,
    per_call: Vec<Provided>,
    platform: Arc<dyn Platform>,
}

/// A singleton whose constructor failed.
#[derive(Debug)]
pub(crate) struct StartFailure {
    pub(crate) service: &'static str,
    pub(crate) error: BoxError,
}

impl StartFailure {
    /// A failure, after another where there was one: its error then tells of both.
    fn after(earlier: Option<Self>, service: &'static str, error: BoxError) -> Self {
        match earlier {
            None => Self { service, error },
            Some(first) => {
                let (one, other) = (chain(&*first.error), chain(&*error));
                let both = format!("{one}; the service `{service}` could not be built either: {other}");
                Self { error: both.into(), ..first }
            }
        }
    }
}

impl Container {
    /// Builds every planned singleton, those that do not need each other at the same time.
    pub(crate) async fn start(plan: Plan, platform: Arc<dyn Platform>) -> Result<Self, StartFailure> {
        let (nodes, per_call) = plan.finish();
        let container = Self { nodes, per_call, platform };
        container.build_all().await?;
        Ok(container)
    }

    /// The singleton of that type.
    ///
    /// # Panics
    ///
    /// If it was not planned, which the macros' output makes impossible: whatever gets a service also plans it.
    pub fn get<T: Service<Lifetime: OutlastsCalls>>(&self) -> &T {
        self.find::<T>().unwrap_or_else(|| panic!("the service `{}` was asked for but not planned", T::NAME))
    }

    /// The value given for a per-call service.
    pub(super) fn provided(&self, id: TypeId) -> Option<&Arc<Value>> {
        self.per_call.iter().find(|(known, _)| *known == id).map(|(_, value)| value)
    }

    /// What the app runs on.
    pub fn platform(&self) -> &Arc<dyn Platform> {
        &self.platform
    }

    fn find<T: Service>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        self.nodes.iter().find(|node| node.id == id)?.value.0.get()?.downcast_ref()
    }

    async fn build_all(&self) -> Result<(), StartFailure> {
        let mut waiting: Vec<usize> = (0..self.nodes.len()).filter(|&node| self.nodes[node].build.is_some()).collect();
        let mut running: Vec<(usize, Building<'_>)> = Vec::new();
        poll_fn(|context| {
            loop {
                waiting.retain(|&index| {
                    let node = &self.nodes[index];
                    let ready = node.needs.iter().all(|&below| self.nodes[below].value.0.get().is_some());
                    if let (true, Some(build)) = (ready, node.build) {
                        running.push((index, build(self)));
                    }
                    !ready
                });
                let (mut built, mut failed) = (false, None);
                let mut at = 0;
                while at < running.len() {
                    let (index, future) = &mut running[at];
                    let node = &self.nodes[*index];
                    match future.as_mut().poll(context) {
                        Poll::Pending => at += 1,
                        Poll::Ready(Err(error)) => {
                            failed = Some(StartFailure::after(failed.take(), node.name, error));
                            drop(running.swap_remove(at));
                        }
                        Poll::Ready(Ok(value)) => {
                            // Each node is built once, so its place is still empty.
                            let _ = node.value.0.set(value);
                            drop(running.swap_remove(at));
                            built = true;
                        }
                    }
                }
                // All that failed without waiting, so that they are mended together.
                if let Some(failed) = failed {
                    return Poll::Ready(Err(failed));
                }
                if running.is_empty() && waiting.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                if !built {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Closes the singletons that want it, each before those it needs.
    pub(crate) async fn close(&self) {
        // A service stands in the list before what it needs, unless something else needed that first.
        let mut open: Vec<usize> = (0..self.nodes.len()).collect();
        while !open.is_empty() {
            let free =
                open.iter().copied().find(|&index| !open.iter().any(|&other| self.nodes[other].needs.contains(&index)));
            let Some(index) = free else { break };
            open.retain(|&other| other != index);
            let node = &self.nodes[index];
            if let (Some(close), Some(value)) = (node.close, node.value.0.get())
                && let Some(closing) = close(value.as_ref())
            {
                closing.await;
            }
        }
    }
}
