//! Every kind of binding, behind one service.

use pikku::{
    BoxError, Need, Problem,
    service::{Env, Queues},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is stored.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Entry {
    key: String,
    value: String,
}

/// What every binding gave back.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Seen {
    database: Option<String>,
    key_value: Option<String>,
    bucket: Option<String>,
    secret_length: usize,
    variable: Option<String>,
    group: String,
}

/// The bindings.
#[derive(Debug)]
pub struct Bindings {
    #[cfg_attr(not(target_family = "wasm"), allow(dead_code))]
    env: Env,
    queues: Queues,
}

#[pikku::service(needs = [
    Need::Database("entries"),
    Need::KeyValue("cache"),
    Need::ReadBucket("files"),
    Need::WriteBucket("files"),
    Need::ReadSecret("api-key"),
    Need::Variable("GREETING"),
    Need::SendToQueue("boxes"),
    Need::CallGroup("edge"),
])]
async fn bindings(env: &Env, queues: &Queues) -> Result<Bindings, BoxError> {
    #[cfg(target_family = "wasm")]
    {
        use pikku_cloudflare::Bindings as _;
        // A binding that is missing is told at the start, not by the call that needs it.
        env.d1("entries")?;
        env.kv("cache")?;
        env.r2("files")?;
        env.secret("api-key")?;
        env.group("edge")?;
    }
    Ok(Bindings { env: env.clone(), queues: queues.clone() })
}

/// Stores a value in everything that stores, reads it back, sends a box and asks the other group.
#[pikku::function(public)]
pub async fn use_all(bindings: &Bindings, input: Entry) -> Result<Seen, Problem> {
    #[derive(Serialize)]
    struct Sent {
        id: u32,
    }
    let failed = |error: &dyn std::error::Error| Problem::internal(error.to_string());
    bindings.queues.send("boxes", &Sent { id: 7 }).await.map_err(|error| failed(&error))?;
    bindings.stored(&input).await.map_err(|error| Problem::internal(error.to_string()))
}

#[cfg(target_family = "wasm")]
impl Bindings {
    async fn stored(&self, entry: &Entry) -> Result<Seen, BoxError> {
        use pikku_cloudflare::Bindings as _;
        let database = self.env.d1("entries")?;
        database.exec("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)").await?;
        let insert = database.prepare("INSERT OR REPLACE INTO entries (key, value) VALUES (?, ?)");
        insert.bind(&[entry.key.as_str().into(), entry.value.as_str().into()])?.run().await?;
        let select = database.prepare("SELECT value FROM entries WHERE key = ?").bind(&[entry.key.as_str().into()])?;
        let cache = self.env.kv("cache")?;
        cache
            .put(&entry.key, &entry.value)
            .map_err(|error| error.to_string())?
            .execute()
            .await
            .map_err(|error| error.to_string())?;
        let files = self.env.r2("files")?;
        files.put(&entry.key, entry.value.clone()).execute().await?;
        let bucket = match files.get(&entry.key).execute().await? {
            Some(object) => match object.body() {
                Some(body) => Some(body.text().await?),
                None => None,
            },
            None => None,
        };
        let mut answer = self.env.group("edge")?.fetch("https://edge/wait/1", None).await?;
        Ok(Seen {
            database: select.first(Some("value")).await?,
            key_value: cache.get(&entry.key).text().await.map_err(|error| error.to_string())?,
            bucket,
            secret_length: self.env.secret("api-key")?.len(),
            variable: self.env.get("GREETING"),
            group: answer.text().await?,
        })
    }
}

#[cfg(not(target_family = "wasm"))]
impl Bindings {
    async fn stored(&self, entry: &Entry) -> Result<Seen, BoxError> {
        Err(format!("`{}` is not stored: there are no bindings here ({})", entry.key, entry.value.len()).into())
    }
}
