//! A handshake over a transport, in time.

use std::time::Duration;

use taut_net::Transport;
use taut_net::transport::{recv, write_all};
use taut_runtime::time::timeout;

use super::Handshake;
use crate::tls::{TlsError, TlsStream};

/// How long a handshake may take, unless another limit is set: 10 s.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Takes the handshake to its end, or to the alert that says why there is none.
pub(crate) async fn drive<T: Transport>(
    mut handshake: Handshake,
    mut transport: T,
    limit: Duration,
) -> Result<TlsStream<T>, TlsError> {
    let exchange = async {
        loop {
            flush(&mut handshake, &mut transport).await?;
            let received = recv(&mut transport).await?;
            if received.is_empty() {
                return Err(TlsError::truncated_handshake());
            }
            let done = handshake.receive(&received);
            drop(received);
            match done {
                Ok(true) => return flush(&mut handshake, &mut transport).await,
                Ok(false) => {}
                Err(error) => {
                    // Why there is no connection matters more than that the alert was not sent.
                    let _ = flush(&mut handshake, &mut transport).await;
                    return Err(error);
                }
            }
        }
    };
    timeout(limit, exchange).await.unwrap_or_else(|_| Err(TlsError::timed_out(limit)))?;
    let finished = handshake.finish()?;
    Ok(TlsStream::new(transport, finished))
}

async fn flush<T: Transport>(handshake: &mut Handshake, transport: &mut T) -> Result<(), TlsError> {
    let count = handshake.to_send().len();
    write_all(transport, handshake.to_send()).await?;
    handshake.sent(count);
    Ok(())
}
