//! Parquet and Arrow files.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::ipc::writer::FileWriter;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::{Fault, Out, Sink};

/// Bytes that a row group may hold before it is written.
const ROW_GROUP_BYTES_MAX: usize = 64 << 20;

/// Parquet, with zstd.
pub(super) struct Parquet<'a> {
    writer: ArrowWriter<Out<'a>>,
}

impl<'a> Parquet<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self, Fault> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer = ArrowWriter::try_new(out, SchemaRef::clone(schema), Some(properties))?;
        Ok(Self { writer })
    }
}

impl Sink for Parquet<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        self.writer.write(batch)?;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES_MAX {
            self.writer.flush()?;
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        self.writer.finish()?;
        Ok(self.writer.inner_mut().flush()?)
    }
}

impl From<ParquetError> for Fault {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(error) => Self::Write(*error),
                Err(other) => Self::Encode(other.to_string()),
            },
            other => Self::Encode(other.to_string()),
        }
    }
}

/// The Arrow file format.
pub(super) struct Arrow<'a> {
    writer: FileWriter<Out<'a>>,
}

impl<'a> Arrow<'a> {
    pub(super) fn new(schema: &SchemaRef, out: Out<'a>) -> Result<Self, Fault> {
        Ok(Self { writer: FileWriter::try_new(out, schema)? })
    }
}

impl Sink for Arrow<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        Ok(self.writer.write(batch)?)
    }

    fn finish(mut self: Box<Self>) -> Result<(), Fault> {
        self.writer.finish()?;
        Ok(self.writer.into_inner()?.flush()?)
    }
}
