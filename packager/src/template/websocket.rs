//! A WebSocket API. SAM has no event for its connections and messages, so the API is written out.

use super::error::Place;
use super::function::Function;
use super::handles;
use super::node::{Node, Text, map, reference};
use super::stack::{Stack, pascal};
use pikku_manifest::Wiring;

/// The stage, which stands in the API's address.
const STAGE: &str = "live";

/// Adds the API and brings its connections and messages to the function.
pub(super) fn add(stack: &mut Stack, function: &mut Function<'_>, wiring: &Wiring, place: &Place, name: &str) {
    let api = handles::logical_id(stack, place, "WebSocket API", name, "WebSocketApi");
    let what = format!("the WebSocket API `{name}`");
    let add = |stack: &mut Stack, suffix: &str, kind: &str, properties: Node| {
        let id = format!("{api}{suffix}");
        let what = if suffix.is_empty() { what.clone() } else { format!("{what}: {suffix}") };
        let resource = map([("Type", kind.into()), ("Properties", properties)]);
        stack.resource(&id, &what, place, resource);
        id
    };
    let own = || reference(&api);
    let properties = map([
        ("Name", Text::name("AWS::StackName").then_literal(format!("-{name}")).into_node()),
        ("ProtocolType", "WEBSOCKET".into()),
        ("RouteSelectionExpression", "$request.body.action".into()),
    ]);
    add(stack, "", "AWS::ApiGatewayV2::Api", properties);
    let target = Text::literal("arn:")
        .then_name("AWS::Partition")
        .then_literal(":apigateway:")
        .then_name("AWS::Region")
        .then_literal(":lambda:path/2015-03-31/functions/")
        .then_name(format!("{}.Arn", function.id))
        .then_literal("/invocations");
    let properties =
        map([("ApiId", own()), ("IntegrationType", "AWS_PROXY".into()), ("IntegrationUri", target.into_node())]);
    let integration = add(stack, "Integration", "AWS::ApiGatewayV2::Integration", properties);
    let target = Text::literal("integrations/").then_name(integration);
    let mut routes = Vec::new();
    for key in ["$connect", "$disconnect", "$default"] {
        let mut properties = vec![
            ("ApiId".to_owned(), own()),
            ("RouteKey".to_owned(), key.into()),
            ("AuthorizationType".to_owned(), "NONE".into()),
            ("Target".to_owned(), target.clone().into_node()),
        ];
        if key == "$default" {
            properties.push(("RouteResponseSelectionExpression".to_owned(), "$default".into()));
        }
        let suffix = format!("{}Route", pascal(key));
        routes.push(add(stack, &suffix, "AWS::ApiGatewayV2::Route", Node::Map(properties)));
    }
    if let Some(default) = routes.last() {
        // Without it, what the function answers to a message is not sent back.
        let properties =
            map([("ApiId", own()), ("RouteId", reference(default)), ("RouteResponseKey", "$default".into())]);
        add(stack, "DefaultRouteResponse", "AWS::ApiGatewayV2::RouteResponse", properties);
    }
    let properties = map([("ApiId", own()), ("StageName", STAGE.into()), ("AutoDeploy", true.into())]);
    add(stack, "Stage", "AWS::ApiGatewayV2::Stage", properties);
    let source = Text::literal("arn:")
        .then_name("AWS::Partition")
        .then_literal(":execute-api:")
        .then_name("AWS::Region")
        .then_literal(":")
        .then_name("AWS::AccountId")
        .then_literal(":")
        .then_name(&api)
        .then_literal("/*");
    let properties = map([
        ("Action", "lambda:InvokeFunction".into()),
        ("FunctionName", reference(&function.id)),
        ("Principal", "apigateway.amazonaws.com".into()),
        ("SourceArn", source.into_node()),
    ]);
    add(stack, "Permission", "AWS::Lambda::Permission", properties);
    let address = Text::name(format!("{api}.ApiEndpoint")).then_literal(format!("/{STAGE}"));
    stack.output(&format!("{api}Url"), &format!("Where {what} is"), address.into_node());
    function.sources.push((wiring.id.clone(), Text::name(api)));
}
