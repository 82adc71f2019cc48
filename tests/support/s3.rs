//! An S3 server inside the test: `s3s-fs` on a folder, and what it lacks in front of it.
//!
//! Two layers. [`Layer`] makes conditional writes atomic, honours `If-Match` on reads, puts ETags into listings, and has
//! a clock that a test may advance. [`Gate`] stands before it on the wire: it can hold a request before it is applied,
//! apply one and hang up without an answer, fail some, and refuse everybody.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use ivsight::clock::SystemClock;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, ETag,
    ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, PutObjectInput, PutObjectOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// The only bucket.
pub(crate) const BUCKET: &str = "lake-bucket";
/// Who may use it.
pub(crate) const KEY: (&str, &str) = ("TESTKEY", "testsecret");

/// The server. It is gone when this is dropped.
pub(crate) struct S3Server {
    address: SocketAddr,
    folder: TempDir,
    gate: Gate,
    _runtime: Runtime,
}

impl S3Server {
    /// A server with an empty bucket.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let gate = Gate::default();
        let layer = Layer {
            inner: FileSystem::new(folder.path()).unwrap(),
            root: folder.path().to_owned(),
            gate: gate.clone(),
            etags: Arc::default(),
            writing: Arc::default(),
        };
        let mut builder = S3ServiceBuilder::new(layer);
        builder.set_auth(SimpleAuth::from_single(KEY.0, KEY.1));
        let service = builder.build();
        let listening = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listener = runtime.block_on(listening).unwrap();
        let address = listener.local_addr().unwrap();
        let on_wire = gate.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A head and its body are written apart, and the second would wait for the first one's acknowledgement.
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream, service.clone(), on_wire.clone()));
            }
        });
        Self { address, folder, gate, _runtime: runtime }
    }

    pub(crate) fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The objects under a prefix as files on the disk.
    pub(crate) fn path(&self, prefix: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(prefix)
    }

    /// The keys under a part of the lake.
    pub(crate) fn objects(&self, part: &str) -> Vec<PathBuf> {
        fn files(path: PathBuf) -> Vec<PathBuf> {
            match std::fs::read_dir(&path) {
                Ok(entries) => entries.flat_map(|entry| files(entry.unwrap().path())).collect(),
                Err(_) if path.is_file() => vec![path],
                Err(_) => Vec::new(),
            }
        }
        files(self.path("lakes/one").join(part))
    }

    /// What stands before it.
    pub(crate) fn gate(&self) -> &Gate {
        &self.gate
    }
}

async fn serve(stream: TcpStream, service: S3Service, gate: Gate) {
    let answer = service_fn(move |request| {
        let (service, gate) = (service.clone(), gate.clone());
        // A task of its own: a request that came whole is carried out, whether or not its sender still lives.
        let answered = tokio::spawn(async move { gate.pass(request, &service).await });
        async move { answered.await.unwrap() }
    });
    // Whoever hangs up has a reason.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

/// A request as a test tells it from others: `PUT /lake-bucket/key`, with the keys of a bulk removal behind it.
pub(crate) type Text = String;

type Wanted = Box<dyn FnMut(&str) -> bool + Send>;

/// The hands of a test on the wire.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    state: Arc<Mutex<State>>,
    verdict: watch::Sender<Option<Verdict>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Apply,
    Discard,
}

#[derive(Default)]
struct State {
    log: Vec<Text>,
    hold: Option<Wanted>,
    held: Option<Text>,
    hang_up: Option<Wanted>,
    hung_up_n: usize,
    applied_n: usize,
    failing: Option<(f64, ChaCha8Rng)>,
    refusal: Option<(u16, &'static str)>,
    ahead: Duration,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Every request so far.
    pub(crate) fn log(&self) -> Vec<Text> {
        self.state().log.clone()
    }

    pub(crate) fn forget(&self) {
        self.state().log.clear();
    }

    /// Keeps the first request that is such one from being applied.
    pub(crate) fn hold(&self, wanted: impl FnMut(&str) -> bool + Send + 'static) {
        self.verdict.send_replace(None);
        let mut state = self.state();
        state.held = None;
        state.hold = Some(Box::new(wanted));
    }

    /// Keeps the n-th request that changes something from being applied, counted from 1.
    pub(crate) fn hold_mutation(&self, n: usize) {
        let mut seen = 0;
        self.hold(move |request| {
            seen += usize::from(is_mutation(request));
            seen == n
        });
    }

    /// The request that is held.
    pub(crate) fn held(&self) -> Option<Text> {
        self.state().held.clone()
    }

    /// Lets it be applied, however late.
    pub(crate) fn release(&self) {
        self.state().hold = None;
        self.verdict.send_replace(Some(Verdict::Apply));
    }

    /// It never reached the store.
    pub(crate) fn discard(&self) {
        self.state().hold = None;
        self.verdict.send_replace(Some(Verdict::Discard));
    }

    /// Applies the requests that are such ones, and hangs up instead of answering.
    pub(crate) fn hang_up_after(&self, wanted: impl FnMut(&str) -> bool + Send + 'static) {
        self.state().hang_up = Some(Box::new(wanted));
    }

    /// Requests that reached the store.
    pub(crate) fn applied_n(&self) -> usize {
        self.state().applied_n
    }

    pub(crate) fn hung_up_n(&self) -> usize {
        self.state().hung_up_n
    }

    /// Fails this share of the requests, in the ways of S3.
    pub(crate) fn fail(&self, share: f64) {
        self.state().failing = Some((share, ChaCha8Rng::seed_from_u64(7)));
    }

    /// Refuses everybody, or nobody.
    pub(crate) fn refuse(&self, refusal: Option<(u16, &'static str)>) {
        self.state().refusal = refusal;
    }

    /// Lets the store's clock run ahead.
    pub(crate) fn advance(&self, duration: Duration) {
        self.state().ahead += duration;
    }

    fn now(&self) -> SystemTime {
        SystemTime::from(SystemClock::shared().now()) + self.state().ahead
    }

    async fn pass(
        &self,
        request: Request<Incoming>,
        service: &S3Service,
    ) -> Result<Response<Body>, std::io::Error> {
        let (head, body) = request.into_parts();
        let body = collect(body).await?;
        let mut text = format!("{} {}", head.method, head.uri);
        if head.method == Method::POST {
            text.extend(keys(&body).iter().flat_map(|key| [" ", key]));
        }
        if let Some(answer) = self.refusal(&text) {
            return Ok(answer);
        }
        self.wait_if_held(&text).await?;
        let request = Request::from_parts(head, Body::from(body));
        let answer = service.call(request).await.map_err(std::io::Error::other)?;
        let mut state = self.state();
        state.applied_n += 1;
        if state.hang_up.as_mut().is_some_and(|wanted| wanted(&text)) {
            state.hung_up_n += 1;
            return Err(std::io::Error::other("the answer is lost"));
        }
        Ok(answer)
    }

    fn refusal(&self, text: &str) -> Option<Response<Body>> {
        let mut state = self.state();
        state.log.push(text.to_owned());
        let failure = state.failing.as_mut().and_then(|(share, dice)| {
            let ways = [(503, "SlowDown"), (503, "ServiceUnavailable"), (500, "InternalError")];
            dice.random_bool(*share).then(|| ways[dice.random_range(0..ways.len())])
        });
        let (status, code) = state.refusal.or(failure)?;
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code>\
             <Message>{code}</Message></Error>"
        );
        Some(Response::builder().status(status).body(Body::from(body)).unwrap())
    }

    async fn wait_if_held(&self, text: &str) -> Result<(), std::io::Error> {
        {
            let mut state = self.state();
            let is_wanted = state.held.is_none() && state.hold.as_mut().is_some_and(|it| it(text));
            if !is_wanted {
                return Ok(());
            }
            state.held = Some(text.to_owned());
        }
        let mut verdict = self.verdict.subscribe();
        let verdict = *verdict.wait_for(Option::is_some).await.unwrap();
        match verdict {
            Some(Verdict::Apply) => Ok(()),
            _ => Err(std::io::Error::other("the request is lost")),
        }
    }
}

/// Whether a request changes something.
fn is_mutation(request: &str) -> bool {
    ["PUT ", "POST ", "DELETE "].iter().any(|method| request.starts_with(method))
}

/// The keys of a bulk removal.
fn keys(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    keys.map(|(key, _)| key.to_owned()).collect()
}

async fn collect(mut body: Incoming) -> Result<Vec<u8>, std::io::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let frame = frame.map_err(std::io::Error::other)?;
        bytes.extend(frame.into_data().unwrap_or_default());
    }
    Ok(bytes)
}

/// What `s3s-fs` lacks.
struct Layer {
    inner: FileSystem,
    root: PathBuf,
    gate: Gate,
    etags: Arc<Mutex<HashMap<String, ETag>>>,
    writing: Arc<tokio::sync::Mutex<()>>,
}

impl Layer {
    /// A new object has the store's time, and an ETag that listings know.
    fn written(&self, key: &str, etag: Option<&ETag>) {
        let path = self.root.join(BUCKET).join(key);
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(self.gate.now()).unwrap();
        if let Some(etag) = etag {
            self.etags.lock().unwrap().insert(key.to_owned(), etag.clone());
        }
    }
}

#[async_trait::async_trait]
impl S3 for Layer {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        if let Some(ETagCondition::ETag(expected)) = &request.input.if_match {
            let etags = self.etags.lock().unwrap();
            if etags.get(&request.input.key).is_some_and(|etag| !etag.strong_cmp(expected)) {
                return Err(s3_error!(PreconditionFailed));
            }
        }
        self.inner.get_object(request).await
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        self.inner.head_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        // The folder must not change while it is walked.
        let _writing = self.writing.lock().await;
        let mut response = self.inner.list_objects_v2(request).await?;
        let etags = self.etags.lock().unwrap();
        for object in response.output.contents.iter_mut().flatten() {
            object.e_tag = object.key.as_ref().and_then(|key| etags.get(key).cloned());
        }
        drop(etags);
        Ok(response)
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let _writing = self.writing.lock().await;
        let key = request.input.key.clone();
        let response = self.inner.put_object(request).await?;
        self.written(&key, response.output.e_tag.as_ref());
        Ok(response)
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let _writing = self.writing.lock().await;
        self.inner.delete_object(request).await
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let _writing = self.writing.lock().await;
        self.inner.delete_objects(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        self.inner.create_multipart_upload(request).await
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        self.inner.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let _writing = self.writing.lock().await;
        let key = request.input.key.clone();
        let response = self.inner.complete_multipart_upload(request).await?;
        self.written(&key, response.output.e_tag.as_ref());
        Ok(response)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        self.inner.abort_multipart_upload(request).await
    }
}
