//! speakers: tells the app who speaks. It reads the audio level that clients send along (RFC 6464) and posts a message `speakers`,
//! `{"routerId": …, "producerIds": […]}`, when those who speak have changed. It needs no byte of a packet: attach it with `copy: 'meta'`. For
//! attachments in observe mode, to audio. It takes no config.

mod mph;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{c_void, CStr};
use std::os::raw::{c_char, c_int};

/// In -dBov: at least so loud is speech.
const SPEECH: u8 = 50;
/// Who has not been that loud for so long does not speak any more.
const HANGOVER_NS: u64 = 500_000_000;

struct Producer {
    router: u32,
    id: String,
    spoke_at_ns: Option<u64>,
}

#[derive(Default)]
struct Router {
    id: String,
    /// What the app was told.
    speaking: BTreeSet<u32>,
}

/// One per worker. The host calls it from one thread at a time.
struct Speakers {
    host: *const mph::Host,
    instance: *mut mph::Instance,
    producers: BTreeMap<u32, Producer>,
    routers: BTreeMap<u32, Router>,
    changes: u64,
}

impl Speakers {
    fn on_packet(&mut self, packet: &mph::Packet) {
        if packet.audio_level == mph::UNKNOWN_LEVEL || packet.audio_level > SPEECH {
            return;
        }
        if let Some(producer) = self.producers.get_mut(&packet.producer) {
            producer.spoke_at_ns = Some(packet.received_at_ns);
        }
    }

    fn on_event(&mut self, event: &mph::Event) {
        match event.kind_of_event {
            // A host that was taken off and put on again hears once more of what it knows.
            mph::EVENT_ROUTER_OPENED => {
                self.routers.entry(event.router).or_default().id = unsafe { text(event.router_id) };
            }
            mph::EVENT_PRODUCER_CREATED if event.kind == mph::AUDIO => {
                let id = unsafe { text(event.producer_id) };

                self.producers.entry(event.producer).or_insert(Producer { router: event.router, id, spoke_at_ns: None });
            }
            mph::EVENT_PRODUCER_CLOSED => {
                self.producers.remove(&event.producer);
            }
            mph::EVENT_ROUTER_CLOSED => {
                self.producers.retain(|_, producer| producer.router != event.router);
                self.routers.remove(&event.router);
            }
            _ => {}
        }
    }

    fn on_tick(&mut self, now_ns: u64) {
        for (number, router) in &mut self.routers {
            let speaking: BTreeSet<u32> = self
                .producers
                .iter()
                .filter(|(_, producer)| producer.router == *number)
                .filter(|(_, producer)| producer.spoke_at_ns.map_or(false, |at| now_ns.saturating_sub(at) < HANGOVER_NS))
                .map(|(number, _)| *number)
                .collect();

            if speaking == router.speaking {
                continue;
            }

            let ids: Vec<String> = speaking.iter().map(|number| quoted(&self.producers[number].id)).collect();
            let body = format!("{{\"routerId\":{},\"producerIds\":[{}]}}", quoted(&router.id), ids.join(","));
            let posted = unsafe { ((*self.host).post)(self.instance, c_text(b"speakers\0"), body.as_ptr().cast(), body.len(), 0) };

            // The app does not keep up: it is told at the next tick, unless that has changed by then.
            if posted == mph::OK {
                router.speaking = speaking;
                self.changes += 1;
            }
        }
        if self.changes > 0 {
            unsafe { ((*self.host).count)(self.instance, c_text(b"changes\0"), self.changes) };
            self.changes = 0;
        }
    }
}

/// As a JSON string.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");

    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// # Safety
/// NULL, or a text that ends with a zero.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        String::new()
    } else {
        CStr::from_ptr(pointer).to_string_lossy().into_owned()
    }
}

const fn c_text(bytes: &'static [u8]) -> *const c_char {
    bytes.as_ptr().cast()
}

unsafe extern "C" fn create(
    host: *const mph::Host,
    instance: *mut mph::Instance,
    _info: *const mph::InstanceInfo,
    this: *mut *mut c_void,
    _error: *mut c_char,
    _error_size: usize,
) -> c_int {
    let speakers = Speakers { host, instance, producers: BTreeMap::new(), routers: BTreeMap::new(), changes: 0 };

    *this = Box::into_raw(Box::new(speakers)).cast();
    0
}

unsafe extern "C" fn destroy(this: *mut c_void) {
    drop(Box::from_raw(this.cast::<Speakers>()));
}

unsafe extern "C" fn on_packets(this: *mut c_void, batch: *const mph::Batch) {
    let packets = std::slice::from_raw_parts((*batch).packets, (*batch).count as usize);

    for packet in packets {
        (*this.cast::<Speakers>()).on_packet(&**packet);
    }
}

unsafe extern "C" fn on_event(this: *mut c_void, event: *const mph::Event) {
    (*this.cast::<Speakers>()).on_event(&*event);
}

unsafe extern "C" fn on_tick(this: *mut c_void, now_ns: u64) {
    (*this.cast::<Speakers>()).on_tick(now_ns);
}

static PLUGIN: mph::Plugin = mph::Plugin {
    size: std::mem::size_of::<mph::Plugin>() as u32,
    abi_version: mph::ABI_VERSION,
    name: c_text(b"speakers\0"),
    version: c_text(b"1.0.0\0"),
    create,
    destroy,
    on_packets: Some(on_packets),
    on_event: Some(on_event),
    on_tick: Some(on_tick),
    tick_interval_ms: 100,
    reserved: 0,
    on_restore: None,
    on_data: None,
    on_message: None,
    on_answer: None,
};

#[no_mangle]
pub extern "C" fn mph_plugin_entry() -> *const mph::Plugin {
    &PLUGIN
}
