//! Events and their spans as JSON objects, a line each.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::fmt::{self, Debug, Write};
use tracing::field::{Field, Visit};
use tracing::span::Record;
use tracing::{Event, Subscriber};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Formats events, and for them the fields of spans.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json;

impl<'writer> FormatFields<'writer> for Json {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut object = Fields::default();
        fields.record(&mut object);
        write!(writer, "{}", Value::Object(object.0))
    }

    fn add_fields(&self, current: &'writer mut FormattedFields<Self>, fields: &Record<'_>) -> fmt::Result {
        let mut object = Fields(fields_of(current));
        fields.record(&mut object);
        current.fields = Value::Object(object.0).to_string();
        Ok(())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, Json> for Json {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Json>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let scope = context.event_scope().into_iter().flat_map(|scope| scope.from_root());
        let spans = scope.map(|span| {
            let mut object = span.extensions().get().map(fields_of).unwrap_or_default();
            object.insert("name".into(), span.name().into());
            Value::Object(object)
        });
        let line = json!({
            "time": Timestamp::now().to_string(),
            "level": event.metadata().level().as_str(),
            "target": event.metadata().target(),
            "fields": fields.0,
            "spans": spans.collect::<Vec<_>>(),
        });
        writeln!(writer, "{line}")
    }
}

/// What [`Json`] has written of a span.
fn fields_of(formatted: &FormattedFields<Json>) -> Map<String, Value> {
    serde_json::from_str(&formatted.fields).unwrap_or_default()
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn insert(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        // Writing to a string fails only where the value's own formatting does.
        if write!(text, "{value:?}").is_err() {
            text.push('…');
        }
        self.insert(field, text);
    }
}
