//! SOCKS5 (RFC 1928), with user and password (RFC 1929): the client's side of CONNECT.

use std::net::IpAddr;

use taut_net::{TcpStream, transport};

use super::destination::Origin;
use super::error::{Cause, Phase};

const VERSION: u8 = 5;
const NO_CREDENTIALS: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NOTHING_ACCEPTED: u8 = 0xFF;
const CREDENTIALS_VERSION: u8 = 1;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Has the proxy connect to an origin. Whatever the stream brings afterwards comes from there.
pub(super) async fn connect(
    stream: &mut TcpStream,
    credentials: Option<(&str, &str)>,
    origin: &Origin,
) -> Result<(), Cause> {
    let greeting: &[u8] = match credentials {
        None => &[VERSION, 1, NO_CREDENTIALS],
        Some(_) => &[VERSION, 2, NO_CREDENTIALS, USER_AND_PASSWORD],
    };
    write(stream, greeting).await?;
    match (read(stream).await?, credentials) {
        ([VERSION, NO_CREDENTIALS], _) => {}
        ([VERSION, USER_AND_PASSWORD], Some((user, password))) => {
            let mut bytes = vec![CREDENTIALS_VERSION];
            for text in [user, password] {
                bytes.push(text.len() as u8);
                bytes.extend_from_slice(text.as_bytes());
            }
            write(stream, &bytes).await?;
            match read(stream).await? {
                [CREDENTIALS_VERSION, 0] => {}
                [CREDENTIALS_VERSION, _] => return Err(proxy("it refused user and password")),
                _ => return Err(proxy("it does not speak RFC 1929")),
            }
        }
        ([VERSION, NOTHING_ACCEPTED], None) => return Err(proxy("it wants credentials")),
        ([VERSION, NOTHING_ACCEPTED], _) => return Err(proxy("it wants other credentials")),
        _ => return Err(proxy("it does not speak SOCKS5")),
    }
    write(stream, &request(origin)?).await?;
    let [version, reply, _reserved, kind] = read(stream).await?;
    if version != VERSION {
        return Err(proxy("it does not speak SOCKS5"));
    }
    if reply != 0 {
        return Err(proxy(meaning(reply)));
    }
    // The address that the proxy uses; nobody wants it, but it has to be taken.
    let rest = match kind {
        IPV4 => 4 + 2,
        IPV6 => 16 + 2,
        NAME => {
            let [length] = read(stream).await?;
            usize::from(length) + 2
        }
        _ => return Err(proxy("it does not speak SOCKS5")),
    };
    let mut bytes = [0; 255 + 2];
    fill(stream, &mut bytes[..rest]).await
}

fn request(origin: &Origin) -> Result<Vec<u8>, Cause> {
    let mut bytes = vec![VERSION, CONNECT, 0];
    match origin.host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            bytes.push(IPV4);
            bytes.extend_from_slice(&ip.octets());
        }
        Ok(IpAddr::V6(ip)) => {
            bytes.push(IPV6);
            bytes.extend_from_slice(&ip.octets());
        }
        Err(_) => {
            let length = u8::try_from(origin.host.len());
            let length = length.map_err(|_| Cause::invalid("SOCKS5 takes names of 255 bytes"))?;
            bytes.extend_from_slice(&[NAME, length]);
            bytes.extend_from_slice(origin.host.as_bytes());
        }
    }
    bytes.extend_from_slice(&origin.port.to_be_bytes());
    Ok(bytes)
}

/// RFC 1928 section 6.
fn meaning(reply: u8) -> &'static str {
    match reply {
        1 => "general failure",
        2 => "its rules do not allow the connection",
        3 => "the network can't be reached",
        4 => "the host can't be reached",
        5 => "the host refused the connection",
        6 => "the connection took too long",
        7 => "it does not know CONNECT",
        8 => "it does not know this kind of address",
        _ => "a failure without a name",
    }
}

fn proxy(why: &str) -> Cause {
    Cause::Proxy(why.to_owned())
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Cause> {
    transport::write_all(stream, bytes).await.map_err(|error| Cause::Io(Phase::Connect, error))
}

async fn read<const COUNT: usize>(stream: &mut TcpStream) -> Result<[u8; COUNT], Cause> {
    let mut bytes = [0; COUNT];
    fill(stream, &mut bytes).await?;
    Ok(bytes)
}

async fn fill(stream: &mut TcpStream, to: &mut [u8]) -> Result<(), Cause> {
    stream.read_exact(to).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => proxy("it closed the connection"),
        _ => Cause::Io(Phase::Connect, error),
    })
}
