//! OpenAI's chat completions, and the many servers that speak them in their own way.
//!
//! async-openai frames the events; requests, chunks, headers and transport are our own, because its
//! own ones drop reasoning text, lose the status of foreign errors, read the environment, and retry.

mod answer;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use async_openai::{
    Client, config::Config, error::OpenAIError, middleware::HttpRequestFactory,
    types::stream::StreamResponse,
};
use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::{self, BoxFuture},
    stream::{self, BoxStream},
};
use reqwest::{
    Response,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::answer::{Answer, Chunk};
use super::{
    ChatMessage, Error, ErrorKind, Event, Parameters, Provider, ProviderName, Request, Settings,
    SettingsError, reader,
    transport::{Server, Trouble, causes, expect_events},
};

const OPENAI: &str = "https://api.openai.com/v1";

const NO_KEY: &str = "OPENAI_API_KEY is not set; set it to a key of your OpenAI account and restart \
                      the server, or set OPENAI_BASE_URL to a server that needs no key";

/// OpenAI or a compatible server; without one it tells what is missing.
pub(super) struct OpenAi(Option<Arc<Ready>>);

struct Ready {
    server: Arc<Server>,
    client: Client<Access>,
    /// OpenAI itself takes only `max_completion_tokens` for its reasoning models, many others only
    /// `max_tokens`.
    is_openai: bool,
}

impl OpenAi {
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let key = settings
            .openai
            .api_key
            .clone()
            .filter(|key| !key.expose_secret().trim().is_empty());
        let base_url = settings.openai.base_url.as_deref();
        let base_url = base_url.unwrap_or(OPENAI);
        let is_openai = base_url.trim().trim_end_matches('/') == OPENAI;
        if is_openai && key.is_none() {
            return Ok(Self(None));
        }
        let mut headers = HeaderMap::new();
        if let Some(key) = &key {
            headers.insert(AUTHORIZATION, bearer(key).ok_or(SettingsError::ApiKey)?);
        }
        let timeout = settings.connect_timeout;
        let server = Arc::new(Server::new(ProviderName::OpenAi, base_url, key, timeout)?);
        let access = Access {
            base_url: server.base_url.clone(),
            headers,
            unused_key: SecretString::default(),
        };
        let client =
            Client::build(server.http.clone(), access).with_http_service(Once(Arc::clone(&server)));
        Ok(Self(Some(Arc::new(Ready {
            server,
            client,
            is_openai,
        }))))
    }

    fn ready(&self, model: Option<&str>) -> Result<Arc<Ready>, Error> {
        self.0.clone().ok_or_else(|| {
            Error::new(
                ProviderName::OpenAi,
                model,
                ErrorKind::NotConfigured(NO_KEY),
            )
        })
    }
}

/// The header's value, or `None` if the key holds what no header can.
fn bearer(key: &SecretString) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).ok()?;
    value.set_sensitive(true);
    value.to_str().is_ok().then_some(value)
}

impl Provider for OpenAi {
    fn chat(&self, request: Arc<Request>) -> BoxStream<'static, Result<Event, Error>> {
        match self.ready(Some(&request.model)) {
            Ok(ready) => stream::once(ready.open(request))
                .map_ok(reader::events)
                .try_flatten()
                .boxed(),
            Err(error) => stream::once(future::ready(Err(error))).boxed(),
        }
    }

    fn models(&self) -> BoxFuture<'static, Result<Vec<String>, Error>> {
        match self.ready(None) {
            Ok(ready) => ready.models().boxed(),
            Err(error) => future::ready(Err(error)).boxed(),
        }
    }
}

impl Ready {
    /// Asks, and returns the answer once it has begun.
    async fn open(self: Arc<Self>, request: Arc<Request>) -> Result<Answer, Error> {
        let mut ask = Ask::new(&request, self.is_openai);
        let mut outcome = self.ask(&ask).await;
        if let Err(Trouble::Refused(refusal)) = &outcome
            && refusal.is_about_temperature()
        {
            ask.temperature = None;
            outcome = self.ask(&ask).await;
        }
        match outcome {
            Ok(chunks) => {
                let server = Arc::clone(&self.server);
                Ok(Answer::new(server, request.model.clone(), chunks))
            }
            Err(trouble) => Err(self.server.error(Some(&request.model), trouble)),
        }
    }

    async fn ask(&self, ask: &Ask<'_>) -> Result<StreamResponse<Chunk>, Trouble> {
        let chunks = self.client.chat().create_stream_byot::<_, Chunk>(ask).await;
        chunks.map_err(|error| match error {
            OpenAIError::Boxed(error) => match error.downcast::<Trouble>() {
                Ok(trouble) => *trouble,
                Err(error) => Trouble::Unreachable(causes(error.as_ref())),
            },
            error => Trouble::Unreachable(causes(&error)),
        })
    }

    async fn models(self: Arc<Self>) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct Models {
            /// `null` when Ollama has none.
            data: Option<Vec<Model>>,
        }
        #[derive(Deserialize)]
        struct Model {
            id: String,
        }

        let url = format!("{}/models", self.server.base_url);
        let headers = self.client.config().headers();
        let request = self.server.http.get(url).headers(headers).build();
        let models = self.server.fetch::<Models>(request).await;
        let models = models.map_err(|trouble| self.server.error(None, trouble))?;
        let models = models.data.unwrap_or_default();
        Ok(models.into_iter().map(|model| model.id).collect())
    }
}

/// The request on the wire.
#[derive(Serialize)]
struct Ask<'r> {
    model: &'r str,
    messages: &'r [ChatMessage],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<&'r [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

impl<'r> Ask<'r> {
    fn new(request: &'r Request, is_openai: bool) -> Self {
        let Parameters {
            top_p,
            stop,
            seed,
            reasoning_effort,
            response_format,
        } = &request.parameters;
        Self {
            model: &request.model,
            messages: &request.messages,
            temperature: Some(request.temperature),
            max_completion_tokens: is_openai.then_some(request.max_tokens),
            max_tokens: (!is_openai).then_some(request.max_tokens),
            top_p: *top_p,
            stop: stop.as_deref(),
            seed: *seed,
            reasoning_effort: reasoning_effort.map(|effort| effort.as_str()),
            response_format: response_format.as_ref().map(|format| format.to_openai()),
            stream: true,
            stream_options: StreamOptions {
                include_usage: true,
            },
        }
    }
}

/// Address and key, as async-openai asks for them. Its own type for this reads the environment and
/// panics on keys that are no header.
#[derive(Clone)]
struct Access {
    base_url: String,
    headers: HeaderMap,
    /// The trait wants one; the real key is in `headers`.
    unused_key: SecretString,
}

impl Config for Access {
    fn headers(&self) -> HeaderMap {
        self.headers.clone()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    fn query(&self) -> Vec<(&str, &str)> {
        Vec::new()
    }

    fn api_base(&self) -> &str {
        &self.base_url
    }

    fn api_key(&self) -> &SecretString {
        &self.unused_key
    }
}

/// A transport that asks once and keeps what the server said when it refused.
#[derive(Clone)]
struct Once(Arc<Server>);

impl tower::Service<HttpRequestFactory> for Once {
    type Response = Response;
    type Error = OpenAIError;
    type Future = BoxFuture<'static, Result<Response, OpenAIError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequestFactory) -> Self::Future {
        let server = Arc::clone(&self.0);
        async move {
            let response = match server.send(Ok(request.build().await?)).await {
                Ok(response) => expect_events(response).await,
                Err(trouble) => Err(trouble),
            };
            response.map_err(|trouble| OpenAIError::Boxed(Box::new(trouble)))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openai_is_asked_with_the_new_name_of_the_token_limit() {
        let request = Request {
            model: "m".to_owned(),
            messages: Vec::new(),
            temperature: 0.7,
            max_tokens: 5,
            context_window: None,
            parameters: Parameters::default(),
        };
        for (is_openai, sent, left_out) in [
            (true, "max_completion_tokens", "max_tokens"),
            (false, "max_tokens", "max_completion_tokens"),
        ] {
            let body = serde_json::to_value(Ask::new(&request, is_openai)).unwrap();
            assert_eq!(body[sent], 5);
            assert_eq!(body.get(left_out), None);
        }
    }

    #[test]
    fn openai_is_known_by_its_address() {
        for (base_url, expected) in [
            (None, true),
            (Some("https://api.openai.com/v1/"), true),
            (Some("http://localhost:8000/v1"), false),
        ] {
            let mut settings = Settings::default();
            settings.openai.api_key = Some("k".into());
            settings.openai.base_url = base_url.map(str::to_owned);
            let openai = OpenAi::new(&settings).unwrap();
            assert_eq!(openai.ready(None).unwrap().is_openai, expected);
        }
    }
}
