use std::sync::Mutex;

use object_store::UpdateVersion;
use object_store::memory::InMemory;

use super::*;

/// A store that loses answers: before or after the write is carried out.
#[derive(Debug)]
struct Lossy {
    inner: InMemory,
    losses: Mutex<Vec<Loss>>,
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    Request,
    Answer,
    /// The client itself tried again after the answer was lost.
    AnswerThenRefused,
}

fn lossy(losses: &[Loss]) -> (Arc<Lossy>, CertainStore) {
    let losses = Mutex::new(losses.iter().rev().copied().collect());
    let inner = Arc::new(Lossy { inner: InMemory::new(), losses });
    (Arc::clone(&inner), CertainStore::new(inner))
}

fn lost() -> Error {
    Error::Generic { store: "Lossy", source: "the connection was reset".into() }
}

impl fmt::Display for Lossy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lossy")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Lossy {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let loss = self.losses.lock().unwrap().pop();
        match loss {
            None => self.inner.put_opts(location, payload, options).await,
            Some(Loss::Request) => Err(lost()),
            Some(Loss::Answer) => {
                self.inner.put_opts(location, payload, options).await?;
                Err(lost())
            }
            Some(Loss::AnswerThenRefused) => {
                self.inner.put_opts(location, payload.clone(), options.clone()).await?;
                self.inner.put_opts(location, payload, options).await
            }
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn create() -> PutOptions {
    PutOptions::from(PutMode::Create)
}

fn update(result: &PutResult) -> PutOptions {
    let (e_tag, version) = (result.e_tag.clone(), result.version.clone());
    PutOptions::from(PutMode::Update(UpdateVersion { e_tag, version }))
}

async fn bytes(store: &CertainStore, path: &Path) -> Bytes {
    store.get(path).await.unwrap().bytes().await.unwrap()
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_went_through_once() {
    let path = Path::from("log/1.json");
    for loss in [Loss::Request, Loss::Answer, Loss::AnswerThenRefused] {
        let (_, store) = lossy(&[loss]);
        let created = store.put_opts(&path, "ours".into(), create()).await.unwrap();
        assert_eq!(created.e_tag, store.head(&path).await.unwrap().e_tag, "{loss:?}");
        let (lossy, store) = lossy(&[]);
        let first = store.put_opts(&path, "first".into(), create()).await.unwrap();
        lossy.losses.lock().unwrap().push(loss);
        let second = store.put_opts(&path, "second".into(), update(&first)).await.unwrap();
        assert_eq!(bytes(&store, &path).await, "second", "{loss:?}");
        store.put_opts(&path, "third".into(), update(&second)).await.unwrap();
    }
}

#[tokio::test]
async fn somebody_elses_object_stays_a_refusal_whatever_was_lost() {
    let path = Path::from("log/1.json");
    for losses in [&[][..], &[Loss::Request][..]] {
        let (lossy, store) = lossy(&[]);
        let theirs = lossy.inner.put(&path, "theirs".into()).await.unwrap();
        lossy.losses.lock().unwrap().extend(losses);
        let refused = store.put_opts(&path, "ours".into(), create()).await.unwrap_err();
        assert!(matches!(refused, Error::AlreadyExists { .. }), "{refused}");
        lossy.inner.put(&path, "changed".into()).await.unwrap();
        lossy.losses.lock().unwrap().extend(losses);
        let refused = store.put_opts(&path, "ours".into(), update(&theirs)).await.unwrap_err();
        assert!(matches!(refused, Error::Precondition { .. }), "{refused}");
        assert_eq!(bytes(&store, &path).await, "changed");
    }
}

#[tokio::test]
async fn a_store_that_never_answers_ends_the_attempts() {
    let (_, store) = lossy(&[Loss::Request; 9]);
    let path = Path::from("log/1.json");
    let error = store.put_opts(&path, "ours".into(), create()).await.unwrap_err();
    assert!(matches!(error, Error::Generic { .. }), "{error}");
    assert!(matches!(store.head(&path).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_large_object_goes_in_parts() {
    let (_, store) = lossy(&[]);
    let path = Path::from("events/large.parquet");
    let large: Vec<u8> =
        (0..3 * PART_BYTES + 5).map(|at| u8::try_from(at % 251).unwrap()).collect();
    store.put(&path, large.clone().into()).await.unwrap();
    assert_eq!(bytes(&store, &path).await, large);
}
