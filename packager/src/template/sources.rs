//! What feeds a group besides HTTP: for each wiring, the event of its function, the source itself where the template
//! creates it, and the grant to read from it.

use super::error::{Notice, Place, Problem};
use super::function::{FAILURES_KEPT_S, Function};
use super::handles::{self, Created};
use super::node::{Node, Text, attribute, list, map, reference};
use super::policy::{self, Grant};
use super::routes::insert;
use super::schedule;
use super::stack::{Stack, pascal};
use super::websocket;
use pikku_manifest::{
    Bucket, Cron, EventPattern, Misfire, Overlap, Queue, Source, Stream, Table, Topic, Wiring, WiringKind,
};

/// The group that all schedules of the stack are in, so that their names need not be unique in the account.
const SCHEDULE_GROUP: &str = "ScheduleGroup";

/// The longest that SQS hides a message.
const LONGEST_VISIBILITY_S: u32 = 43_200;

/// Adds what a wiring asks for.
pub(super) fn wire(stack: &mut Stack, created: &Created, function: &mut Function<'_>, wiring: &Wiring) {
    let place = Place::wiring(&function.group.name, wiring);
    let Some(source) = wiring.kind.source() else { return };
    let Source::Named(name) = source else {
        return stack.warn(&place, Notice::AnySource { kind: wiring.kind.noun() });
    };
    let mut wire = Wire { stack, created, function, wiring, place, name };
    match &wiring.kind {
        WiringKind::Http(_) => {}
        WiringKind::Queue(queue) => wire.queue(queue),
        WiringKind::Cron(cron) => wire.cron(cron),
        WiringKind::Topic(topic) => wire.topic(topic),
        WiringKind::Bucket(bucket) => wire.bucket(bucket),
        WiringKind::Table(table) => wire.table(table),
        WiringKind::Stream(stream) => wire.stream(stream),
        WiringKind::Event(event) => wire.event(event),
        WiringKind::WebSocket(_) => websocket::add(wire.stack, wire.function, wiring, &wire.place, name),
    }
}

struct Wire<'a, 'm> {
    stack: &'a mut Stack,
    created: &'a Created,
    function: &'a mut Function<'m>,
    wiring: &'a Wiring,
    place: Place,
    name: &'a str,
}

impl Wire<'_, '_> {
    fn event(&mut self, pattern: &EventPattern) {
        let mut matched = vec![];
        for (key, values) in [("source", &pattern.sources), ("detail-type", &pattern.detail_types)] {
            if !values.is_empty() {
                matched.push((key.to_owned(), list(values.iter().cloned())));
            }
        }
        if matched.is_empty() {
            // A pattern may not be empty; each event has a source, and each source begins with nothing.
            matched.push(("source".to_owned(), Node::List(vec![map([("prefix", "".into())])])));
        }
        let mut properties = vec![("Pattern".to_owned(), Node::Map(matched))];
        if self.name != "default" {
            let bus = handles::event_bus(self.stack, &self.place, self.name);
            properties.push(("EventBusName".to_owned(), bus.name.into_node()));
        }
        properties.push(("DeadLetterConfig".to_owned(), map([("Arn", self.function.failures_arn())])));
        properties.push(("RetryPolicy".to_owned(), retry_policy(86_400)));
        let id = self.subscribe("EventBridgeRule", properties);
        let rule = attribute(&format!("{}{id}", self.function.id), "Arn");
        self.function.failure_senders.push(("events.amazonaws.com", rule));
        self.function.asynchronous = true;
    }

    /// Adds the event that calls the function, and answers its id.
    fn subscribe(&mut self, kind: &str, properties: Vec<(String, Node)>) -> String {
        let event = map([("Type", kind.into()), ("Properties", Node::Map(properties))]);
        insert(&mut self.function.events, pascal(&self.wiring.id), event);
        self.function.events.last().map(|(id, _)| id.clone()).unwrap_or_default()
    }

    fn feeds(&mut self, physical: Text) {
        self.function.sources.push((self.wiring.id.clone(), physical));
    }

    fn resource(&mut self, id: &str, what: &str, kind: &str, properties: Node) {
        let resource = map([("Type", kind.into()), ("Properties", properties)]);
        self.stack.resource(id, what, &self.place, resource);
    }

    fn limit(&mut self, name: &'static str, value: u32, allowed: std::ops::RangeInclusive<u32>) {
        self.stack.limit(&self.place, name, value, allowed);
    }

    fn queue(&mut self, queue: &Queue) {
        let timeout_s = self.function.settings.timeout_s;
        self.limit("batch", queue.batch, 1..=if queue.fifo { 10 } else { 10_000 });
        // A FIFO queue has no window; a standard one fills a batch of more than ten only when it waits for it.
        let windows = if queue.fifo { 0..=0 } else { u32::from(queue.batch > 10)..=300 };
        self.limit("batch window", queue.batch_window_s, windows);
        self.limit("number of retries", queue.retries, 0..=999);
        if queue.retry_delay_s.is_some() {
            self.stack.warn(&self.place, Notice::RetryDelay);
        }
        if let Some(concurrency) = queue.concurrency {
            self.limit("concurrency", concurrency, 2..=1000);
        }
        let advised_s = (timeout_s.saturating_mul(6) + queue.batch_window_s).min(LONGEST_VISIBILITY_S);
        let visibility_s = queue.visibility_timeout_s.unwrap_or(advised_s);
        self.limit("visibility timeout", visibility_s, timeout_s.min(LONGEST_VISIBILITY_S)..=LONGEST_VISIBILITY_S);
        if (timeout_s..advised_s).contains(&visibility_s) {
            self.stack.warn(&self.place, Notice::ShortVisibility { visibility_s, advised_s });
        }

        let id = handles::logical_id(self.stack, &self.place, "queue", self.name, "Queue");
        let dead = format!("{}DeadLetterQueue", pascal(self.name));
        let fifo = |properties: &mut Vec<(String, Node)>| {
            if queue.fifo {
                properties.push(("FifoQueue".to_owned(), true.into()));
            }
        };
        let redrive = map([
            ("deadLetterTargetArn", attribute(&dead, "Arn")),
            ("maxReceiveCount", queue.retries.saturating_add(1).into()),
        ]);
        let mut properties = vec![
            ("VisibilityTimeout".to_owned(), visibility_s.into()),
            ("RedrivePolicy".to_owned(), redrive),
            ("SqsManagedSseEnabled".to_owned(), true.into()),
        ];
        fifo(&mut properties);
        let what = format!("the queue `{}`", self.name);
        self.resource(&id, &what, "AWS::SQS::Queue", Node::Map(properties));
        self.stack.output(&format!("{id}Url"), &format!("The URL of {what}"), reference(&id));
        let mut properties = vec![
            ("MessageRetentionPeriod".to_owned(), FAILURES_KEPT_S.into()),
            ("SqsManagedSseEnabled".to_owned(), true.into()),
        ];
        fifo(&mut properties);
        let what = format!("the dead-letter queue of `{}`", self.name);
        self.resource(&dead, &what, "AWS::SQS::Queue", Node::Map(properties));
        self.stack.output(&format!("{dead}Url"), &format!("The URL of {what}"), reference(&dead));

        let mut properties = vec![
            ("Queue".to_owned(), attribute(&id, "Arn")),
            ("BatchSize".to_owned(), queue.batch.into()),
            ("FunctionResponseTypes".to_owned(), list(["ReportBatchItemFailures"])),
        ];
        if queue.batch_window_s > 0 {
            properties.push(("MaximumBatchingWindowInSeconds".to_owned(), queue.batch_window_s.into()));
        }
        if let Some(concurrency) = queue.concurrency {
            properties.push(("ScalingConfig".to_owned(), map([("MaximumConcurrency", concurrency.into())])));
        }
        self.subscribe("SQS", properties);
        let handle = handles::queue(self.stack, self.created, &self.place, self.name);
        self.function.grants.push(Grant::new(
            format!("ReceiveFrom{id}"),
            &["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            handle.arn,
        ));
        self.feeds(handle.name);
    }

    fn cron(&mut self, cron: &Cron) {
        if cron.overlap != Overlap::Allow {
            self.stack.warn(&self.place, Notice::Overlap);
        }
        if cron.misfire != Misfire::Once {
            self.stack.warn(&self.place, Notice::Misfire);
        }
        let expression = match schedule::to_eventbridge(&cron.expression) {
            Ok(expression) => expression,
            Err(problem) => {
                let expression = cron.expression.clone();
                return self.stack.error(&self.place, Problem::Schedule { expression, problem });
            }
        };
        let name = format!("{}-{}", self.function.group.name, self.name);
        let taken = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if name.len() > 64 || !name.bytes().all(taken) {
            let rule = "letters, digits, `-`, `_` and `.`, at most 63 together with the group's name";
            let name = self.name.to_owned();
            return self.stack.error(&self.place, Problem::Name { kind: "schedule", name, rule });
        }
        let schedule_group = map([("Type", "AWS::Scheduler::ScheduleGroup".into())]);
        self.stack.resource(SCHEDULE_GROUP, "the group of all schedules", &self.place, schedule_group);
        let failures = self.function.failures_arn();
        let role = self.schedule_role(failures.clone());
        self.subscribe(
            "ScheduleV2",
            vec![
                ("Name".to_owned(), name.clone().into()),
                ("GroupName".to_owned(), reference(SCHEDULE_GROUP)),
                ("ScheduleExpression".to_owned(), expression.into()),
                ("ScheduleExpressionTimezone".to_owned(), cron.time_zone.clone().into()),
                ("RoleArn".to_owned(), attribute(&role, "Arn")),
                ("DeadLetterConfig".to_owned(), map([("Arn", failures)])),
                ("RetryPolicy".to_owned(), retry_policy(3600)),
            ],
        );
        self.function.asynchronous = true;
        self.feeds(Text::literal(name));
    }

    /// The role that EventBridge Scheduler calls the function with; one serves all schedules of the group.
    fn schedule_role(&mut self, failures: Node) -> String {
        let id = self.function.own_id("ScheduleRole");
        let group = &self.function.group.name;
        let conditions =
            [("aws:SourceAccount", reference("AWS::AccountId")), ("aws:SourceArn", attribute(SCHEDULE_GROUP, "Arn"))];
        let condition = map([("StringEquals", map(conditions))]);
        let function = Text::name(format!("{}.Arn", self.function.id));
        let grants = vec![
            Grant::new("CallFunction", &["lambda:InvokeFunction"], function),
            Grant::new("KeepFailures", &["sqs:SendMessage"], Text::value("Failures", failures)),
        ];
        let description = format!("What the schedules of {group} may do");
        let role = policy::role(&description, "scheduler.amazonaws.com", Some(condition), "call", grants);
        let what = format!("the role of the schedules of the group `{group}`");
        self.stack.resource(&id, &what, &self.place, role);
        id
    }

    fn topic(&mut self, _: &Topic) {
        let id = handles::logical_id(self.stack, &self.place, "topic", self.name, "Topic");
        let what = format!("the topic `{}`", self.name);
        self.stack.resource(&id, &what, &self.place, map([("Type", "AWS::SNS::Topic".into())]));
        self.stack.output(&format!("{id}Arn"), &format!("The ARN of {what}"), reference(&id));
        let failures = self.function.failures_arn();
        self.subscribe(
            "SNS",
            vec![
                ("Topic".to_owned(), reference(&id)),
                ("RedrivePolicy".to_owned(), map([("deadLetterTargetArn", failures)])),
            ],
        );
        self.function.failure_senders.push(("sns.amazonaws.com", reference(&id)));
        self.function.asynchronous = true;
        let handle = handles::topic(self.stack, self.created, &self.place, self.name);
        self.feeds(handle.name);
    }

    fn bucket(&mut self, bucket: &Bucket) {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.name.len() < 3 || self.name.len() > 50 || !self.name.bytes().all(allowed) || self.name.starts_with('-')
        {
            let rule = "3 to 50 lower-case letters, digits and `-`, beginning with a letter or digit";
            let name = self.name.to_owned();
            return self.stack.error(&self.place, Problem::Name { kind: "bucket", name, rule });
        }
        let events = u32::try_from(bucket.events.len()).unwrap_or(u32::MAX);
        self.limit("number of events", events, 1..=u32::MAX);
        let id = handles::logical_id(self.stack, &self.place, "bucket", self.name, "Bucket");
        let handle = handles::bucket(self.stack, self.created, &self.place, self.name);
        let blocked = ["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
        let properties = map([
            ("BucketName", handle.name.clone().into_node()),
            ("PublicAccessBlockConfiguration", map(blocked.map(|key| (key, true.into())))),
        ]);
        // What was put there is the user's: the bucket stays when the stack goes.
        let resource = map([
            ("Type", "AWS::S3::Bucket".into()),
            ("DeletionPolicy", "Retain".into()),
            ("UpdateReplacePolicy", "Retain".into()),
            ("Properties", properties),
        ]);
        let what = format!("the bucket `{}`", self.name);
        self.stack.resource(&id, &what, &self.place, resource);
        self.stack.output(&format!("{id}Name"), &format!("The name of {what}"), reference(&id));

        let mut properties = vec![
            ("Bucket".to_owned(), reference(&id)),
            ("Events".to_owned(), list(bucket.events.iter().map(|event| format!("s3:{event}")))),
        ];
        let rules: Vec<Node> = [("prefix", &bucket.prefix), ("suffix", &bucket.suffix)]
            .into_iter()
            .filter_map(|(name, value)| Some(map([("Name", name.into()), ("Value", value.clone()?.into())])))
            .collect();
        if !rules.is_empty() {
            properties.push(("Filter".to_owned(), map([("S3Key", map([("Rules", Node::List(rules))]))])));
        }
        self.subscribe("S3", properties);
        self.function.asynchronous = true;
        self.feeds(handle.name);
    }

    fn table(&mut self, table: &Table) {
        let stream = handles::table_stream(self.stack, &self.place, self.name);
        let arn = Text::name(stream.clone());
        self.records("DynamoDB", arn.clone(), (table.batch, table.retries, table.from_start));
        self.function.grants.push(Grant::new(
            format!("ReadChangesOf{}", pascal(self.name)),
            &["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
            arn,
        ));
        let handle = handles::table(self.stack, self.created, &self.place, self.name);
        self.feeds(handle.name);
    }

    fn stream(&mut self, stream: &Stream) {
        let id = handles::logical_id(self.stack, &self.place, "stream", self.name, "Stream");
        let what = format!("the stream `{}`", self.name);
        let properties = map([
            ("StreamModeDetails", map([("StreamMode", "ON_DEMAND".into())])),
            ("StreamEncryption", map([("EncryptionType", "KMS".into()), ("KeyId", "alias/aws/kinesis".into())])),
        ]);
        self.resource(&id, &what, "AWS::Kinesis::Stream", properties);
        self.stack.output(&format!("{id}Name"), &format!("The name of {what}"), reference(&id));
        let handle = handles::stream(self.stack, self.created, &self.place, self.name);
        self.records("Kinesis", handle.arn.clone(), (stream.batch, stream.retries, stream.from_start));
        self.function.grants.push(Grant::new(
            format!("ReadFrom{id}"),
            &[
                "kinesis:DescribeStream",
                "kinesis:DescribeStreamSummary",
                "kinesis:GetRecords",
                "kinesis:GetShardIterator",
                "kinesis:ListShards",
            ],
            handle.arn,
        ));
        self.feeds(handle.name);
    }

    /// The mapping of a stream of records, of whichever kind.
    fn records(&mut self, kind: &str, stream: Text, (batch, retries, from_start): (u32, u32, bool)) {
        self.limit("batch", batch, 1..=10_000);
        self.limit("number of retries", retries, 0..=10_000);
        let failures = map([("Type", "SQS".into()), ("Destination", self.function.failures_arn())]);
        self.subscribe(
            kind,
            vec![
                ("Stream".to_owned(), stream.into_node()),
                ("StartingPosition".to_owned(), if from_start { "TRIM_HORIZON" } else { "LATEST" }.into()),
                ("BatchSize".to_owned(), batch.into()),
                ("MaximumRetryAttempts".to_owned(), retries.into()),
                ("BisectBatchOnFunctionError".to_owned(), true.into()),
                ("FunctionResponseTypes".to_owned(), list(["ReportBatchItemFailures"])),
                ("DestinationConfig".to_owned(), map([("OnFailure", failures)])),
            ],
        );
    }
}

/// How often, and for how long, EventBridge tries to hand an event to Lambda.
fn retry_policy(longest_s: u32) -> Node {
    map([("MaximumEventAgeInSeconds", longest_s.into()), ("MaximumRetryAttempts", 185_u32.into())])
}
