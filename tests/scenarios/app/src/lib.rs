//! The app that the scenarios call: it gives back what it was given and fails in every way there is.
//!
//! It uses nothing but the runtime, its middleware, its sources of sessions, layers of tower and what carries spans away, so that every
//! target can hold it. What a call without an answer did is in a journal,
//! which a route of each group shows.
//!
//! | group | what reaches it |
//! |---|---|
//! | `everywhere` | what every target has: HTTP, remote procedure calls, queues and schedules |
//! | `elsewhere` | what some targets lack: topics, buckets, tables, streams, an event bus, WebSockets |

pub mod elsewhere;
pub mod failing;
pub mod given;
pub mod guarded;
pub mod journal;
pub mod layered;
pub mod messages;
pub mod octets;
pub mod pages;
pub mod policies;
pub mod request;
pub mod session;
pub mod settings;
pub mod sources;
pub mod standing;
pub mod stream;
pub mod traced;

use elsewhere::{take_change, take_event, take_notice, take_object, take_record, talk};
use failing::{fail, fail_in_the_query, never};
use given::{created, greeting, merge, nothing, rest, search, segment, typed, typed_list};
use guarded::{bearer, cancel_order, change, look, message_caller, open_house, read_order, report, show_order, staff};
use journal::{show_elsewhere, show_everywhere, write_after};
use messages::{failing_run, hourly, job, nightly, note};
use octets::{large, reversed, shaped};
use pages::{Pages, page};
use pikku::{
    App, Bucket, Cron, EventPattern, Queue, Selection, Stream, Table, Topic, WebSocket,
    access::Scope,
    http::{any, delete, get, post, put},
};
use pikku_middleware::{
    Audit, CacheControl, CircuitBreaker, Compression, ConcurrencyLimit, Cors, Csrf, Etag, Idempotency, LoadShed,
    RateLimit, RequestId, Retry, SecurityHeaders, Tracing,
};
use pikku_tower::TowerLayers as _;
use policies::{
    Correlated, FiveMinutes, Payments, Runs, Told, TwoADay, TwoMessages, limited, limited_message, once, pay,
    pay_by_card,
};
use request::seen;
use session::{nobody, session_of_header, with_a_session, with_or_without};
use settings::show_settings;
use sources::{cookie, log_in, log_out, of_access, of_app_service, of_gateway, partner, who};
use standing::{
    AfterTwo, AtOnce, Narrow, OneAtATime, attempt, behind_a_late_permission, late, late_on_its_route, retried, watch,
};
use stream::streamed;
use traced::Traced;

/// The variable that holds what no answer may show.
pub const PRIVATE_VARIABLE: &str = "PRIVATE_NOTE";

/// What every target can reach.
#[derive(Debug, pikku::Group)]
pub struct Everywhere;

/// What some targets have no source for.
#[derive(Debug, pikku::Group)]
pub struct Elsewhere;

/// The app.
pub fn app<S: Selection>() -> App<S> {
    App::new()
        .scopes(&[Scope::new("orders:read"), Scope::new("orders:write"), Scope::new("staff")])
        .roles(session::ROLES)
        .tower(layered::does_as_asked)
        .tower(layered::marks)
        .authenticate::<session_of_header>()
        .middleware::<nobody>()
        .routes("/pages/{*rest}", |l| {
            l.middleware::<SecurityHeaders>()
                .middleware::<Cors<Pages>>()
                .middleware::<Csrf>()
                .middleware::<Etag>()
                .middleware::<Compression>()
        })
        .routes("/limited", |l| l.middleware::<RateLimit<TwoADay>>())
        .routes("/payments", |l| l.middleware::<Idempotency<Payments>>())
        .routes("/rpc/pay", |l| l.middleware::<Idempotency<Payments>>())
        .routes("/exclusive/{how}", |l| l.middleware::<watch>().middleware::<ConcurrencyLimit<OneAtATime>>())
        .routes("/shed/{how}", |l| l.middleware::<watch>().middleware::<LoadShed<Narrow>>())
        .routes("/broken/{how}", |l| l.middleware::<CircuitBreaker<AfterTwo>>())
        .routes("/cached/{how}", |l| l.middleware::<CacheControl<FiveMinutes>>())
        .routes("/correlated/{how}", |l| l.middleware::<RequestId<Correlated>>())
        .routes("/traced/{how}", |l| l.middleware::<Tracing<Traced>>())
        .routes("/rpc/read_order", |l| l.middleware::<Tracing<Traced>>())
        .tag("traced", |l| l.middleware::<Tracing<Traced>>())
        .tag("retried", |l| l.middleware::<Retry<AtOnce>>())
        .tag("limited", |l| l.middleware::<RateLimit<TwoMessages>>())
        .tag("once", |l| l.middleware::<Idempotency<Runs>>())
        .tag("audited", |l| l.middleware::<Audit<Told>>())
        .tag("staff", |l| l.permission::<staff>())
        .group::<Everywhere>(|g| {
            g.authenticate::<bearer>()
                .authenticate::<message_caller>()
                .authenticate::<cookie>()
                .authenticate::<partner>()
                .authenticate::<of_app_service>()
                .authenticate::<of_gateway>()
                .authenticate::<of_access>()
                .http::<merge>(put("/merged/{id}").header("x-tenant", "tenant").cookie("theme", "theme"))
                .http::<typed>(post("/typed"))
                .http::<typed_list>(post("/typed-list"))
                .http::<search>(get("/search"))
                .http::<segment>(get("/segments/{name}"))
                .http::<segment>(delete("/segments/{name}"))
                .http::<rest>(get("/rest/{*rest}"))
                .http::<greeting>(get("/greeting"))
                .http::<created>(post("/created").status(201))
                .http::<nothing>(post("/nothing"))
                .http::<seen>(any("/seen/{*path}"))
                .http::<reversed>(post("/reversed"))
                .http::<shaped>(get("/shaped/{shape}"))
                .http::<large>(get("/large"))
                .http::<fail>(post("/failures"))
                .http::<fail_in_the_query>(get("/failures"))
                .http::<never>(get("/never"))
                .http::<with_a_session>(get("/session"))
                .http::<with_or_without>(get("/maybe-session"))
                .http::<page>(get("/pages/{name}"))
                .http::<with_a_session>(post("/pages/{name}"))
                .http::<read_order>(post("/orders/read"))
                .http::<cancel_order>(post("/orders/cancel"))
                .http::<show_order>(post("/orders/show"))
                .http::<look>(get("/read-only"))
                .http::<change>(post("/read-only"))
                .http::<limited>(get("/limited"))
                .http::<pay>(post("/payments"))
                .http::<pay_by_card>(post("/card-payments"))
                .http::<report>(get("/report"))
                .http::<log_in>(post("/log-in"))
                .http::<log_out>(post("/log-out"))
                .http::<with_a_session>(post("/session/changes"))
                .http::<who>(get("/who"))
                .http::<show_settings>(get("/settings"))
                .http::<attempt>(get("/exclusive/{how}").timeout_ms(300))
                .http::<attempt>(get("/shed/{how}").timeout_ms(300))
                .http::<attempt>(get("/broken/{how}"))
                .http::<attempt>(get("/cached/{how}"))
                .http::<attempt>(get("/correlated/{how}"))
                .http::<attempt>(get("/traced/{how}"))
                .http::<late>(get("/late"))
                .http::<late_on_its_route>(get("/late-on-its-route").timeout_ms(100))
                .http::<behind_a_late_permission>(get("/undecided"))
                .http::<streamed>(get("/streamed/{kind}"))
                .http::<write_after>(post("/after"))
                .http::<show_everywhere>(get("/journal"))
                .rpc::<read_order>()
                .rpc::<cancel_order>()
                .rpc::<look>()
                .rpc::<change>()
                .rpc::<with_or_without>()
                .rpc::<pay>()
                .queue::<job>("jobs", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<note>("notes", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<read_order>("orders", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<cancel_order>("cancellations", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<retried>("retried", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<limited_message>("limited", Queue::batch(10).retries(3).retry_delay_s(60))
                .queue::<pay_by_card>("card-payments", Queue::batch(10).retries(3).retry_delay_s(60))
                .cron::<nightly>("0 3 * * *")
                .cron::<once>("30 5 * * *")
                .cron::<hourly>("0 * * * *")
                .cron::<failing_run>("15 4 1 * *")
        })
        .group::<Elsewhere>(|g| {
            g.permission::<open_house>()
                .http::<show_elsewhere>(get("/elsewhere/journal"))
                .cron::<nightly>(Cron::new("0 3 * * *").named("berlin-nightly").time_zone("Europe/Berlin"))
                .event::<take_notice>(Topic::new("notices"))
                .event::<take_object>(Bucket::new("uploads").created().prefix("in/").suffix(".csv"))
                .event::<take_change>(Table::new("items"))
                .event::<take_record>(Stream::new("clicks"))
                .event::<take_event>(EventPattern::source("warehouse").detail_type("Parcel shipped"))
                .websocket::<talk>(WebSocket::new("chat"))
        })
}
