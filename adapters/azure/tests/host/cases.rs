//! What is tried, by name.

mod events;
mod faults;
mod http;
mod messages;

use std::{future::Future, pin::Pin};

type Case = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! cases {
    ($($module:ident: $($name:ident)*;)*) => {
        /// Every case.
        pub(crate) const ALL: &[(&str, Case)] = &[$($((
            concat!(stringify!($module), "::", stringify!($name)),
            || Box::pin($module::$name()),
        ),)*)*];
    };
}

cases! {
    http:
        octets_go_through_proxied
        a_stream_is_sent_as_it_is_made
        a_client_that_goes_away_ends_its_call
        identity_counts_where_the_platform_sets_it
        a_payload_is_a_request
        a_text_that_is_base64_arrives_unharmed
        what_an_output_cannot_be_is_refused
        cookies_that_an_output_cannot_carry_are_told
        the_deadline_is_the_hosts;
    messages:
        a_message_is_handled_once
        a_failed_message_is_tried_again_and_is_seen
        a_poison_message_is_seen
        what_is_returned_arrives_unharmed
        a_body_is_not_believed_for_metadata
        a_message_of_service_bus_has_its_properties
        a_message_of_a_topic;
    events:
        a_timer_calls_its_own_wiring
        a_late_run_is_seen
        events_come_in_both_schemas
        a_blob_is_told_by_its_trigger_and_by_event_grid
        records_come_as_octets_text_and_several
        a_failed_record_is_tried_again;
    faults:
        the_host_is_answered_while_services_are_built
        a_failed_start_is_the_answer_to_every_call
        a_constructor_that_panics_is_a_failed_start
        a_panic_fails_one_call
        what_is_no_invocation_is_refused
        a_client_cannot_forge_an_invocation
        a_body_has_a_limit
        nothing_is_lost_at_sigterm
        nothing_is_lost_at_sigkill
        a_port_that_is_taken_is_said
        a_handler_without_a_host_says_what_it_is;
}
