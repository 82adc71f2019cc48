use std::convert::Infallible;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, StringArray,
    TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use futures::stream;

use super::*;
use crate::lake::tables;

fn options(format: Format) -> Options {
    Options::new(format)
}

async fn written(batch: &RecordBatch, options: &Options) -> Vec<u8> {
    let batches = stream::iter([Ok::<_, Infallible>(batch.clone())]);
    let mut out = Vec::new();
    render(&batch.schema(), batches, options, &mut out).await.unwrap();
    out
}

async fn text(batch: &RecordBatch, options: &Options) -> String {
    String::from_utf8(written(batch, options).await).unwrap()
}

fn one_column(name: &str, column: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap()
}

/// A text, a whole number, a number, a time with and one without a zone, a boolean.
fn plain() -> RecordBatch {
    let micros = 1_795_176_000_000_000; // 2026-11-20T12:00:00Z
    RecordBatch::try_from_iter_with_nullable([
        ("who", Arc::new(StringArray::from(vec![Some("ann"), None, Some("")])) as ArrayRef, true),
        ("n", Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(0), None])), true),
        ("share", Arc::new(Float64Array::from(vec![Some(0.5), Some(f64::NAN), None])), true),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(micros), Some(micros + 250_000), None])
                    .with_timezone("UTC"),
            ),
            true,
        ),
        (
            "day",
            Arc::new(TimestampSecondArray::from(vec![Some(micros / 1_000_000), None, None])),
            true,
        ),
        ("ok", Arc::new(BooleanArray::from(vec![Some(true), Some(false), None])), true),
    ])
    .unwrap()
}

/// A map, a list and a struct, from the lake's own types.
fn nested() -> RecordBatch {
    let schema = Arc::new(Schema::new(vec![
        Field::new("tags", tables::text_map(), true),
        Field::new("names", tables::list_of(DataType::Utf8), true),
        Field::new("token", tables::exchanged_token(), true),
    ]));
    let mut decoder =
        arrow::json::ReaderBuilder::new(schema).with_strict_mode(true).build_decoder().unwrap();
    let rows = [
        serde_json::json!({
            "tags": {"a": "1", "b": "x\"y"}, "names": ["p", null],
            "token": {"user_id": "ann", "expiration_time": "2026-11-20T12:00:00Z"},
        }),
        serde_json::json!({"tags": null, "names": [], "token": null}),
    ];
    decoder.serialize(&rows).unwrap();
    decoder.flush().unwrap().unwrap()
}

#[tokio::test]
async fn csv_is_that_of_the_rfc() {
    assert_eq!(
        text(&plain(), &options(Format::Csv)).await,
        "who,n,share,at,day,ok\r\n\
         ann,9223372036854775807,0.5,2026-11-20T12:00:00Z,2026-11-20T12:00:00Z,true\r\n\
         ,0,NaN,2026-11-20T12:00:00.250Z,,false\r\n\
         \"\",,,,,\r\n"
    );
    let hostile = one_column(
        "a,b",
        Arc::new(StringArray::from(vec!["x,y", "say \"hi\"", "two\r\nlines", " space", "é"])),
    );
    assert_eq!(
        text(&hostile, &options(Format::Csv)).await,
        "\"a,b\"\r\n\"x,y\"\r\n\"say \"\"hi\"\"\"\r\n\"two\r\nlines\"\r\n space\r\né\r\n"
    );
}

#[tokio::test]
async fn lists_maps_and_structs_are_json_within_csv() {
    assert_eq!(
        text(&nested(), &options(Format::Csv)).await,
        "tags,names,token\r\n\
         \"{\"\"a\"\":\"\"1\"\",\"\"b\"\":\"\"x\\\"\"y\"\"}\",\"[\"\"p\"\",null]\",\
         \"{\"\"capabilities\"\":null,\"\"attributes\"\":null,\"\"user_id\"\":\"\"ann\"\",\
         \"\"expiration_time\"\":\"\"2026-11-20T12:00:00Z\"\"}\"\r\n\
         ,[],\r\n"
    );
}

#[tokio::test]
async fn json_has_every_column_of_every_row() {
    let json: serde_json::Value =
        serde_json::from_slice(&written(&plain(), &options(Format::Json)).await).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            {"who": "ann", "n": i64::MAX, "share": 0.5, "at": "2026-11-20T12:00:00Z",
             "day": "2026-11-20T12:00:00Z", "ok": true},
            {"who": null, "n": 0, "share": null, "at": "2026-11-20T12:00:00.250Z", "day": null, "ok": false},
            {"who": "", "n": null, "share": null, "at": null, "day": null, "ok": null},
        ])
    );
    let json: serde_json::Value =
        serde_json::from_slice(&written(&nested(), &options(Format::Json)).await).unwrap();
    assert_eq!(json[0]["tags"], serde_json::json!({"a": "1", "b": "x\"y"}));
    assert_eq!(json[0]["names"], serde_json::json!(["p", null]));
    assert_eq!(json[0]["token"]["capabilities"], serde_json::Value::Null);
    assert_eq!(json[1], serde_json::json!({"tags": null, "names": [], "token": null}));
}

#[tokio::test]
async fn ndjson_is_an_object_in_each_line() {
    let batch = one_column("a", Arc::new(StringArray::from(vec![Some("x\ny"), None])));
    assert_eq!(text(&batch, &options(Format::Ndjson)).await, "{\"a\":\"x\\ny\"}\n{\"a\":null}\n");
}

#[tokio::test]
async fn times_of_other_zones_are_written_in_utc() {
    let column = TimestampSecondArray::from(vec![0]).with_timezone("+02:00");
    let batch = one_column("at", Arc::new(column));
    for format in [Format::Csv, Format::Ndjson, Format::Table] {
        let text = text(&batch, &options(format)).await;
        assert!(text.contains("1970-01-01T00:00:00Z"), "{text}");
    }
}

#[tokio::test]
async fn equal_names_are_told_apart() {
    let field = |name| Field::new(name, DataType::Int32, false);
    let schema = Arc::new(Schema::new(vec![field("id"), field("id"), field("id_2")]));
    let column = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
    let batch = RecordBatch::try_new(schema, vec![column(), column(), column()]).unwrap();
    assert_eq!(
        text(&batch, &options(Format::Ndjson)).await,
        "{\"id\":1,\"id_2\":1,\"id_2_2\":1}\n"
    );
}

#[tokio::test]
async fn no_rows_still_have_a_header() {
    let batch = plain().slice(0, 0);
    for (format, expected) in [
        (Format::Csv, "who,n,share,at,day,ok\r\n"),
        (Format::Tsv, "who\tn\tshare\tat\tday\tok\n"),
        (Format::Json, "[]\n"),
        (Format::Ndjson, ""),
        (
            Format::Markdown,
            "| who | n | share | at | day | ok |\n| --- | ---: | ---: | --- | --- | --- |\n",
        ),
        (
            Format::Table,
            "who │ n │ share │ at │ day │ ok\n────┼───┼───────┼────┼─────┼───\n(0 rows)\n",
        ),
        (Format::Vertical, "who\nn\nshare\nat\nday\nok\n(no rows)\n"),
    ] {
        assert_eq!(text(&batch, &options(format)).await, expected);
        let mut out = Vec::new();
        let nothing = stream::iter(Vec::<Result<RecordBatch, Infallible>>::new());
        render(&batch.schema(), nothing, &options(format), &mut out).await.unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[tokio::test]
async fn parquet_and_arrow_are_read_back() {
    for batch in [plain(), nested(), plain().slice(0, 0)] {
        let bytes = bytes::Bytes::from(written(&batch, &options(Format::Parquet)).await);
        let reader =
            parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        assert_eq!(reader.schema().fields(), batch.schema().fields());
        let found: usize = reader.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
        assert_eq!(found, batch.num_rows());

        let bytes = written(&batch, &options(Format::Arrow)).await;
        let reader =
            arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
        let found: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        assert_eq!(found[0], batch);
    }
}

#[tokio::test]
async fn a_table_is_fitted_to_the_width() {
    let batch = RecordBatch::try_from_iter([
        (
            "participant",
            Arc::new(StringArray::from(vec!["a-very-long-participant-id", "b"])) as ArrayRef,
        ),
        ("events_n", Arc::new(Int64Array::from(vec![7, 12]))),
        ("person", Arc::new(StringArray::from(vec!["日本語のとても長い名前", "ann"]))),
    ])
    .unwrap();
    let narrow = Options { width: Some(56), ..options(Format::Table) };
    let table = text(&batch, &narrow).await;
    assert_eq!(
        table,
        "participant           │ events_n │ person\n\
         ──────────────────────┼──────────┼──────────────────────\n\
         a-very-long-particip… │        7 │ 日本語のとても長い名…\n\
         b                     │       12 │ ann\n\
         (2 rows)\n"
    );
    let numbers = one_column("n", Arc::new(Int64Array::from(vec![i64::MAX])));
    let table = text(&numbers, &Options { width: Some(5), ..narrow }).await;
    assert!(table.contains("9223372036854775807"), "a number is never cut: {table}");
    let tiny = Options { width: Some(36), ..options(Format::Table) };
    let table = text(&batch, &tiny).await;
    assert!(table.ends_with("(2 rows; 2 of 3 columns shown, the others in `--format vertical`)\n"));
    for line in table.lines().filter(|line| !line.starts_with('(')) {
        assert!(unicode_width::UnicodeWidthStr::width(line) <= 36, "{line}");
    }
}

#[tokio::test]
async fn a_table_shows_so_many_rows_and_tells_of_the_others() {
    let batch = one_column("n", Arc::new(Int64Array::from_iter_values(0..500)));
    let batches = || stream::iter((0..5).map(|_| Ok::<_, Infallible>(batch.clone())));
    let few = Options { rows_max: Some(3), ..options(Format::Table) };
    let mut out = Vec::new();
    let rows_n = render(&batch.schema(), batches(), &few, &mut out).await.unwrap();
    assert_eq!(rows_n, 2_500);
    assert_eq!(String::from_utf8(out).unwrap(), "n\n─\n0\n1\n2\n(3 of 2500 rows shown)\n");
    let mut out = Vec::new();
    render(&batch.schema(), batches(), &options(Format::Table), &mut out).await.unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), 2_503);
    assert!(text.ends_with("499\n(2500 rows)\n"));
}

/// What an attacker may call himself.
const HOSTILE: &str = "\u{1b}[2Jx\u{202e}y\r\nz\u{7f}\u{9b}\u{200b}";

#[tokio::test]
async fn hostile_text_is_escaped_on_a_terminal() {
    let batch = one_column("who", Arc::new(StringArray::from(vec![HOSTILE])));
    for format in Format::ALL.into_iter().filter(|format| !format.is_binary()) {
        let text = text(&batch, &Options { terminal: true, ..options(format) }).await;
        let allowed = |c: char| c == '\n' || (c == '\r' && format == Format::Csv);
        for c in text.chars().filter(|&c| !allowed(c)) {
            assert!(!c.is_control(), "{format:?}: {text:?}");
            assert!(!['\u{202e}', '\u{200b}', '\u{9b}'].contains(&c), "{format:?}: {text:?}");
        }
        assert!(text.contains("202e"), "{format:?}: {text:?}");
    }
    // JSON still says the same; in a file nothing is touched.
    for terminal in [true, false] {
        let options = Options { terminal, ..options(Format::Json) };
        let json: serde_json::Value =
            serde_json::from_slice(&written(&batch, &options).await).unwrap();
        assert_eq!(json[0]["who"], HOSTILE);
    }
    let csv = text(&batch, &options(Format::Csv)).await;
    assert_eq!(csv, format!("who\r\n\"{HOSTILE}\"\r\n"));
}

#[tokio::test]
async fn tabs_and_bars_stay_within_their_cell() {
    let batch = one_column("v", Arc::new(StringArray::from(vec![Some("a\tb\\c\nd|e<b>"), None])));
    assert_eq!(text(&batch, &options(Format::Tsv)).await, "v\na\\tb\\\\c\\nd|e<b>\n\\N\n");
    assert_eq!(
        text(&batch, &options(Format::Markdown)).await,
        "| v |\n| --- |\n| a\tb\\\\c d\\|e&lt;b> |\n|  |\n"
    );
    assert_eq!(
        text(&batch, &options(Format::Vertical)).await,
        "── row 1 ──\nv │ a\\tb\\c\\nd|e<b>\n── row 2 ──\nv │ NULL\n"
    );
}

struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[tokio::test]
async fn a_closed_pipe_is_told_as_such() {
    let batch = plain();
    for format in Format::ALL {
        let batches = stream::iter([Ok::<_, Infallible>(batch.clone())]);
        let error = render(&batch.schema(), batches, &options(format), &mut ClosedPipe).await;
        assert!(error.as_ref().unwrap_err().is_broken_pipe(), "{format:?}: {error:?}");
    }
}

#[tokio::test]
async fn an_error_in_the_middle_is_an_error() {
    let batch = plain();
    for format in Format::ALL {
        let batches = stream::iter([Ok(batch.clone()), Err(io::Error::other("lost"))]);
        let mut out = Vec::new();
        let error = render(&batch.schema(), batches, &options(format), &mut out).await;
        assert!(matches!(error, Err(Error::Rows(_))), "{format:?}");
    }
}

#[test]
fn formats_have_names() {
    for format in Format::ALL {
        assert_eq!(format.name().parse(), Ok(format));
    }
    let error = "xml".parse::<Format>().unwrap_err().to_string();
    for format in Format::ALL {
        assert!(error.contains(format.name()), "{error}");
    }
}
