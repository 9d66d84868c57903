//! The app: how its functions are reached, in groups.

mod group;
mod kinds;
mod layers;
mod registry;
mod selection;

#[cfg(feature = "around-http")]
use crate::dispatch::PlanAroundHttp;
use crate::{
    Authenticator, Cron, Middleware, Permission, Queue,
    access::{Role, Scope},
    service::Plan,
    wiring::Source,
};
pub use group::{Group, Groups};
pub use kinds::Kinds;
pub(crate) use layers::{Around, Check, Handle, Kind as LayerKind, Layer, Place, Source as SessionSource};
pub use layers::{Layers, OwnLayers};
pub(crate) use registry::{Endpoint, Registry, RouteWiring, SourceKind, SourceWiring, Wired};
#[cfg(any(feature = "introspect", feature = "interpret"))]
pub use selection::All;
pub use selection::Selection;
use std::marker::PhantomData;

/// An app: groups of functions, each wired to how it is reached.
///
/// What is not selected by `S` is not registered, and in a bundle not even compiled: its functions, services and
/// wirings leave no trace.
#[derive(Debug)]
#[must_use = "an app does nothing until an adapter runs it"]
pub struct App<S> {
    pub(crate) registry: Registry,
    pub(crate) plan: Plan,
    selection: PhantomData<fn() -> S>,
}

impl<S: Selection> Default for App<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Selection> App<S> {
    /// An app without groups.
    pub fn new() -> Self {
        Self { registry: Registry::default(), plan: Plan::default(), selection: PhantomData }
    }

    /// Adds a group: the unit of deployment, one bundle.
    pub fn group<G: Group>(mut self, wire: impl FnOnce(Groups<'_, S>) -> Groups<'_, S>) -> Self {
        if const { selection::selected(S::GROUPS, G::NAME) } {
            #[cfg(feature = "introspect")]
            self.registry.notes.enter(G::NAME);
            self.registry.groups += 1;
            let _ = wire(Groups::new(&mut self));
        }
        self
    }

    /// The queues that functions of the selection are wired to, by their logical names. Those that take any queue have none.
    pub fn queues(&self) -> impl Iterator<Item = (&'static str, Queue)> {
        self.registry.sources.iter().filter_map(|wiring| match wiring.kind {
            SourceKind::Queue(Source::Named(name), queue) => Some((name, queue)),
            _ => None,
        })
    }

    /// The schedules that functions of the selection are wired to, by their logical names. Those that take any have none.
    pub fn schedules(&self) -> impl Iterator<Item = (&'static str, Cron)> {
        self.registry.sources.iter().filter_map(|wiring| match wiring.kind {
            SourceKind::Cron(Source::Named(name), cron) => Some((name, cron)),
            _ => None,
        })
    }

    /// Takes sessions from this source. The first one that knows a call's credentials says who calls.
    pub fn authenticate<A: Authenticator>(mut self) -> Self {
        self.attach_source::<A>(Place::App);
        self
    }

    /// Says which scopes the app has: what one of its functions requires beside these is a mistake, told while packaging.
    ///
    /// A scope above one of these is of the app too: of `orders:read`, that is `orders`. Said more than once, all count.
    ///
    /// ```
    /// # use pikku::{App, Selection, access::Scope};
    /// const READ_ORDERS: Scope = Scope::new("orders:read");
    /// const WRITE_ORDERS: Scope = Scope::new("orders:write");
    ///
    /// // A constant says it where it is required, too; a literal that is misspelt there is found by its absence here.
    /// #[pikku::function(scopes = [READ_ORDERS])]
    /// async fn count() -> Result<u32, pikku::Problem> { Ok(3) }
    ///
    /// fn app<S: Selection>() -> App<S> {
    ///     App::new().scopes(&[READ_ORDERS, WRITE_ORDERS])
    /// }
    /// # let _ = app::<pikku::All>();
    /// ```
    #[cfg_attr(
        not(feature = "introspect"),
        expect(unused_mut, unused_variables, reason = "only the manifest tells them")
    )]
    pub fn scopes(mut self, scopes: &[Scope]) -> Self {
        #[cfg(feature = "introspect")]
        self.registry.notes.scopes(scopes);
        self
    }

    /// Says which roles the app has: what one of them grants beside [`App::scopes`] is a mistake, told while packaging, as are two
    /// of one name. `cargo pikku permissions` shows which of them may call a function.
    ///
    /// What API keys grant is checked, too, where it is that of a role. Scopes that come from elsewhere, such as a token or a
    /// table, only calls show: `TestApp::undeclared_grants` tells of them.
    ///
    /// ```
    /// # use pikku::{App, Scopes, Selection, access::{Role, Scope}};
    /// const READ_ORDERS: Scope = Scope::new("orders:read");
    /// const ROLES: &[Role] = &[Role::new("clerk", &[READ_ORDERS])];
    ///
    /// // An authenticator grants what a role does, by `Claims::with_scopes`.
    /// let scopes = Scopes::of_roles(ROLES, ["clerk"]);
    ///
    /// fn app<S: Selection>() -> App<S> {
    ///     App::new().scopes(&[READ_ORDERS]).roles(ROLES)
    /// }
    /// # assert!(scopes.grants(READ_ORDERS));
    /// # let _ = app::<pikku::All>();
    /// ```
    #[cfg_attr(
        not(feature = "introspect"),
        expect(unused_mut, unused_variables, reason = "only the manifest tells them")
    )]
    #[track_caller]
    pub fn roles(mut self, roles: &[Role]) -> Self {
        #[cfg(feature = "introspect")]
        self.registry.notes.roles(roles);
        self
    }

    /// Only calls that it allows: whatever else says who may call a function, this narrows it.
    pub fn permission<P: Permission>(mut self) -> Self {
        self.attach_permission::<P>(Place::App);
        self
    }

    /// Around every call of every transport; the first added is the outermost.
    pub fn middleware<M: Middleware>(mut self) -> Self {
        self.attach_middleware::<M>(Place::App);
        self
    }

    /// Attaches permissions and middleware to the functions of a tag, `#[pikku::function(tags = ["staff"])]`.
    pub fn tag(mut self, tag: &'static str, attach: impl FnOnce(Layers<'_, S>) -> Layers<'_, S>) -> Self {
        let _ = attach(Layers::new(&mut self, Place::Tag(tag)));
        self
    }

    /// Attaches permissions and middleware to every route that could answer a path of this pattern, such as
    /// `/admin/{*rest}`.
    pub fn routes(mut self, pattern: &'static str, attach: impl FnOnce(Layers<'_, S>) -> Layers<'_, S>) -> Self {
        let _ = attach(Layers::new(&mut self, Place::Routes(pattern)));
        self
    }

    /// Has something stand around every HTTP request, outside of routing: `pikku-tower` puts layers of tower there. What is to stand
    /// there is told to the one `A` that the app has; another `A` stands within it. A bundle that answers no HTTP has nothing of it.
    /// `name` is what `cargo pikku routes --middleware` prints.
    #[cfg(feature = "around-http")]
    #[cfg_attr(not(feature = "introspect"), expect(unused_variables, reason = "only the manifest tells the name"))]
    pub fn around_http<A: PlanAroundHttp + Default>(mut self, name: &'static str, tell: impl FnOnce(&mut A)) -> Self {
        use std::any::Any;
        if const { S::KINDS.has(Kinds::HTTP) } {
            #[cfg(feature = "introspect")]
            self.registry.notes.around_http.push(name);
            let around = &mut self.registry.around;
            let at = around.iter().position(|one| (&**one as &dyn Any).is::<A>()).unwrap_or_else(|| {
                around.push(Box::new(A::default()));
                around.len() - 1
            });
            if let Some(one) = (&mut *around[at] as &mut dyn Any).downcast_mut() {
                tell(one);
            }
        }
        self
    }

    /// Adds a middleware around all that were added already: for what watches an app from outside of it.
    #[doc(hidden)]
    pub fn outermost<M: Middleware>(mut self) -> Self {
        M::plan(&mut self.plan);
        self.registry.attach(Layer {
            place: Place::App,
            kind: LayerKind::middleware::<M>(self.plan.session()),
            #[cfg(feature = "introspect")]
            note: crate::introspect::LayerNote::middleware::<M>(),
        });
        self.registry.layers.rotate_right(1);
        self
    }

    /// Takes sessions from this source before every other: for what calls an app by hand.
    #[doc(hidden)]
    pub fn authenticate_first<A: Authenticator>(mut self) -> Self {
        A::plan(&mut self.plan);
        self.registry.attach(Layer {
            place: Place::App,
            kind: LayerKind::source::<A>(),
            #[cfg(feature = "introspect")]
            note: crate::introspect::LayerNote::source::<A>(),
        });
        self.registry.layers.rotate_right(1);
        self
    }
}
