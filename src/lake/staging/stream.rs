//! One file of records: an Arrow IPC stream that grows, sealed at each flush.
//!
//! A record is one record batch, and so is a seal. They are not compressed: most have few rows in many columns, which
//! compression makes no smaller and forty times slower to read. Arrow decodes nothing before the seal behind it was
//! found to be right: it trusts the numbers in a message, and panics at wrong ones. The seal's own two values are
//! therefore read by hand.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, new_null_array};
use arrow::buffer::Buffer;
use arrow::datatypes::{Fields, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::reader::{StreamDecoder, StreamReader};
use arrow::ipc::writer::{IpcWriteOptions, StreamEncoder, StreamWriter};
use arrow::ipc::{self, MetadataVersion, root_as_message};
use arrow::record_batch::RecordBatch;

use super::StagingError;

/// The column that says what a record is; in its first row. The first of each file.
pub(super) const RECORD: &str = "record";
/// The column of a seal's checksum. The second of each file.
pub(super) const CHECKSUM: &str = "checksum";
const SEAL: &str = "SEAL";

/// The key of a schema's metadata that names the version of the format.
pub(super) const FORMAT: &str = "ivsight.staging";
/// The newest version of the format that this program knows, and the one it writes.
pub(super) const FORMAT_VERSION: u32 = 1;

/// Where a message stands in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) offset: u64,
    pub(super) bytes_n: u32,
}

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Opened {
    /// The stream and its records; `None` where nothing of the file counts.
    pub(super) kept: Option<(Stream, Vec<Slot>)>,
    /// Bytes behind the last seal.
    pub(super) cut_bytes: u64,
}

/// A file of records: what of it is durable, and what waits for the next flush.
#[derive(Debug)]
pub(super) struct Stream {
    path: PathBuf,
    schema: SchemaRef,
    durable_bytes: u64,
    buffer: Vec<u8>,
}

impl Stream {
    /// A stream whose file comes into being with its first flush.
    pub(super) fn create(path: PathBuf, schema: SchemaRef) -> Result<Self, StagingError> {
        let buffer = encode_schema(&schema)
            .map_err(|source| StagingError::Encode { path: path.clone(), source })?;
        Ok(Self { path, schema, durable_bytes: 0, buffer })
    }

    /// Opens a file and cuts off what is not sealed.
    pub(super) fn open(path: PathBuf) -> Result<Opened, StagingError> {
        let scan = Scan::run(&path)?;
        let cut_bytes = scan.file_bytes - scan.sealed_bytes;
        if cut_bytes > 0 && scan.sealed_bytes > 0 {
            let cut = |file: File| file.set_len(scan.sealed_bytes).and_then(|()| file.sync_all());
            OpenOptions::new()
                .write(true)
                .open(&path)
                .and_then(cut)
                .map_err(StagingError::io("truncate", &path))?;
        }
        let kept = scan.schema.filter(|_| scan.sealed_bytes > 0).map(|schema| {
            let durable_bytes = scan.sealed_bytes;
            (Self { path, schema, durable_bytes, buffer: Vec::new() }, scan.records)
        });
        Ok(Opened { kept, cut_bytes })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its file, and the bytes of it that are sealed and on the disk.
    pub(super) fn durable(&self) -> (PathBuf, u64) {
        (self.path.clone(), self.durable_bytes)
    }

    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Adds a record; its columns are matched by name, those that it has not are NULL.
    pub(super) fn append(
        &mut self,
        record: &RecordBatch,
        encoder: &mut Encoder,
    ) -> Result<Slot, StagingError> {
        let offset = self.durable_bytes + self.buffer.len() as u64;
        let bytes_n = widen(record, &self.schema)
            .and_then(|batch| encoder.record(&batch, &mut self.buffer))
            .map_err(|source| StagingError::Encode { path: self.path.clone(), source })?;
        Ok(Slot { offset, bytes_n })
    }

    /// Seals what is buffered and writes it through to the disk; on failure it stays buffered. True where the file
    /// is new, so that its folder has to be written through as well.
    pub(super) fn flush(&mut self) -> Result<bool, StagingError> {
        if self.buffer.is_empty() {
            return Ok(false);
        }
        let records_bytes = self.buffer.len();
        let seal = seal(&self.schema, crc32fast::hash(&self.buffer))
            .map_err(|source| StagingError::Encode { path: self.path.clone(), source })?;
        self.buffer.extend(seal);
        if let Err(error) = self.write_through() {
            self.buffer.truncate(records_bytes);
            return Err(StagingError::io("write", &self.path)(error));
        }
        let created = self.durable_bytes == 0;
        self.durable_bytes += self.buffer.len() as u64;
        self.buffer = Vec::new();
        Ok(created)
    }

    fn write_through(&self) -> io::Result<()> {
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&self.path)?;
        // What an earlier attempt left behind its last seal.
        file.set_len(self.durable_bytes)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(&self.buffer)?;
        file.sync_all()
    }
}

/// Reads records of a file by their slots.
#[derive(Debug)]
pub(super) struct Reader {
    path: PathBuf,
    file: File,
    decoder: StreamDecoder,
}

impl Reader {
    pub(super) fn open(stream: &Stream) -> Result<Self, StagingError> {
        let path = stream.path.clone();
        let file = File::open(&path).map_err(StagingError::io("open", &path))?;
        let decoder = decoder_for(&stream.schema).map_err(|source| StagingError::Decode {
            path: path.clone(),
            offset: 0,
            source,
        })?;
        Ok(Self { path, file, decoder })
    }

    pub(super) fn read(&mut self, slot: Slot) -> Result<RecordBatch, StagingError> {
        let mut bytes = vec![0; slot.bytes_n as usize];
        self.file
            .seek(SeekFrom::Start(slot.offset))
            .and_then(|_| self.file.read_exact(&mut bytes))
            .map_err(StagingError::io("read", &self.path))?;
        decode(&mut self.decoder, bytes).map_err(|source| StagingError::Decode {
            path: self.path.clone(),
            offset: slot.offset,
            source,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Encodes records and seals of any file: their messages name no schema, so one Arrow encoder serves all files
/// with the same columns.
#[derive(Default)]
pub(super) struct Encoder {
    records: Option<(Fields, StreamEncoder)>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.records.as_ref().map(|(fields, _)| fields);
        f.debug_struct("Encoder").field("fields", &fields).finish_non_exhaustive()
    }
}

impl Encoder {
    fn record(&mut self, batch: &RecordBatch, out: &mut Vec<u8>) -> Result<u32, ArrowError> {
        let fields = batch.schema_ref().fields();
        let encoder = match &mut self.records {
            Some((known, encoder)) if known == fields => encoder,
            records => &mut records.insert((fields.clone(), primed_encoder(batch.schema())?)).1,
        };
        let before = out.len();
        for part in encoder.encode(batch)? {
            out.extend_from_slice(&part);
        }
        u32::try_from(out.len() - before)
            .map_err(|_| ArrowError::IpcError("the record has 4 GiB or more".to_owned()))
    }
}

/// A row with the checksum of what was written since the last one, as it stands in the file.
fn seal(schema: &SchemaRef, checksum: u32) -> Result<Vec<u8>, ArrowError> {
    let columns = schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            RECORD => Arc::new(StringArray::from(vec![SEAL])),
            CHECKSUM => Arc::new(Int64Array::from(vec![i64::from(checksum)])),
            _ => new_null_array(field.data_type(), 1),
        }
    });
    let batch = RecordBatch::try_new(Arc::clone(schema), columns.collect())?;
    let parts = primed_encoder(Arc::clone(schema))?.encode(&batch)?;
    Ok(parts.iter().flat_map(Buffer::as_slice).copied().collect())
}

/// An encoder that has told its schema: the file has it already.
fn primed_encoder(schema: SchemaRef) -> Result<StreamEncoder, ArrowError> {
    let mut encoder = StreamEncoder::try_new_with_options(&schema, write_options())?;
    encoder.encode(&RecordBatch::new_empty(schema))?;
    Ok(encoder)
}

fn write_options() -> IpcWriteOptions {
    IpcWriteOptions::try_new(8, false, MetadataVersion::V5).expect("8 is an alignment of Arrow's")
}

fn encode_schema(schema: &SchemaRef) -> Result<Vec<u8>, ArrowError> {
    let writer = StreamWriter::try_new_with_options(Vec::new(), schema, write_options())?;
    Ok(writer.get_ref().clone())
}

fn decoder_for(schema: &SchemaRef) -> Result<StreamDecoder, ArrowError> {
    let mut decoder = StreamDecoder::new();
    decoder.decode(&mut Buffer::from(encode_schema(schema)?))?;
    Ok(decoder)
}

fn decode(decoder: &mut StreamDecoder, bytes: Vec<u8>) -> Result<RecordBatch, ArrowError> {
    let mut buffer = Buffer::from(bytes);
    decoder
        .decode(&mut buffer)?
        .ok_or_else(|| ArrowError::IpcError("there is no record".to_owned()))
}

fn widen(record: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = schema.fields().iter().map(|field| {
        let column = record.column_by_name(field.name()).map(Arc::clone);
        column.unwrap_or_else(|| new_null_array(field.data_type(), record.num_rows()))
    });
    RecordBatch::try_new(Arc::clone(schema), columns.collect())
}

/// What of a file counts.
#[derive(Debug)]
pub(super) struct Scan {
    schema: Option<SchemaRef>,
    pub(super) records: Vec<Slot>,
    pub(super) sealed_bytes: u64,
    file_bytes: u64,
}

/// A message as it stands in the file, with its bytes.
struct Message {
    bytes: Vec<u8>,
    kind: MessageKind,
}

enum MessageKind {
    Schema,
    Record,
    /// With the checksum that it holds.
    Seal(u32),
}

impl Scan {
    pub(super) fn run(path: &Path) -> Result<Self, StagingError> {
        let io = || StagingError::io("read", path);
        let file = File::open(path).map_err(StagingError::io("open", path))?;
        let file_bytes = file.metadata().map_err(io())?.len();
        let mut scan = Self { schema: None, records: Vec::new(), sealed_bytes: 0, file_bytes };
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut pending = Vec::new();
        let mut checksum = crc32fast::Hasher::new();
        let mut offset = 0;
        while let Some(message) = next_message(&mut file, file_bytes - offset).map_err(io())? {
            let slot = Slot { offset, bytes_n: u32::try_from(message.bytes.len()).unwrap_or(0) };
            offset += message.bytes.len() as u64;
            match (message.kind, &scan.schema) {
                (MessageKind::Schema, None) => {
                    checksum.update(&message.bytes);
                    let Some(schema) = schema_of(path, &message.bytes)? else { break };
                    scan.schema = Some(schema);
                }
                (MessageKind::Record, Some(_)) => {
                    checksum.update(&message.bytes);
                    pending.push(slot);
                }
                (MessageKind::Seal(sealed), Some(_)) => {
                    if sealed != std::mem::take(&mut checksum).finalize() {
                        break;
                    }
                    scan.records.append(&mut pending);
                    scan.sealed_bytes = offset;
                }
                (MessageKind::Schema, Some(_)) | (_, None) => break,
            }
        }
        Ok(scan)
    }
}

const CONTINUATION: [u8; 4] = [0xff; 4];

/// The next message, or `None` where what follows is none, or is cut.
fn next_message(file: &mut impl Read, remaining_bytes: u64) -> io::Result<Option<Message>> {
    let mut bytes = vec![0; 8];
    if remaining_bytes < 8 {
        return Ok(None);
    }
    file.read_exact(&mut bytes)?;
    let metadata_bytes = u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    let head_bytes = 8 + u64::from(metadata_bytes);
    if bytes[..4] != CONTINUATION || metadata_bytes == 0 || head_bytes > remaining_bytes {
        return Ok(None);
    }
    bytes.resize(8 + metadata_bytes as usize, 0);
    file.read_exact(&mut bytes[8..])?;
    let Ok(message) = root_as_message(&bytes[8..]) else { return Ok(None) };
    let Ok(body_bytes) = u64::try_from(message.bodyLength()) else { return Ok(None) };
    if body_bytes > remaining_bytes - head_bytes {
        return Ok(None);
    }
    let mut body = Vec::new();
    file.take(body_bytes).read_to_end(&mut body)?;
    let Some(kind) = kind_of(&message, &body) else { return Ok(None) };
    bytes.append(&mut body);
    Ok(Some(Message { bytes, kind }))
}

fn kind_of(message: &ipc::Message<'_>, body: &[u8]) -> Option<MessageKind> {
    if message.header_as_schema().is_some() {
        return Some(MessageKind::Schema);
    }
    // Texts have three buffers (validity, offsets, characters), numbers two (validity, values).
    let buffers = message.header_as_record_batch()?.buffers()?;
    let bytes_of = |index: usize, bytes_n: usize| {
        let buffer = (index < buffers.len()).then(|| buffers.get(index))?;
        let start = usize::try_from(buffer.offset()).ok()?;
        body.get(start..start.checked_add(bytes_n)?)
    };
    if bytes_of(2, SEAL.len())? != SEAL.as_bytes() {
        return Some(MessageKind::Record);
    }
    let checksum = bytes_of(4, size_of::<i64>())?.try_into().map(i64::from_le_bytes).ok()?;
    u32::try_from(checksum).ok().map(MessageKind::Seal)
}

/// The schema, where its format is one that this program reads.
fn schema_of(path: &Path, bytes: &[u8]) -> Result<Option<SchemaRef>, StagingError> {
    let Ok(reader) = StreamReader::try_new(bytes, None) else { return Ok(None) };
    let schema = reader.schema();
    let version = schema.metadata().get(FORMAT).and_then(|version| version.parse().ok());
    match version {
        None => Err(StagingError::Foreign { path: path.to_owned() }),
        Some(version) if version > FORMAT_VERSION => {
            Err(StagingError::NewerFormat { path: path.to_owned(), version, known: FORMAT_VERSION })
        }
        Some(_) => Ok(Some(schema)),
    }
}
