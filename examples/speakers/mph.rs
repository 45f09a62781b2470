//! `mph_plugin.h` (ABI 3) in Rust, as much of it as this plugin uses. New fields go to the end of a struct, so what stands here stays right.
//! `mph_host` is complete up to `post`, the last function that is used.
#![allow(dead_code)]

use std::ffi::c_void;
use std::os::raw::{c_char, c_int};

pub const ABI_VERSION: u32 = 3;

pub const AUDIO: u8 = 1;
pub const UNKNOWN_LEVEL: u8 = 255;

pub const OK: u32 = 0;

pub const EVENT_ROUTER_OPENED: u32 = 1;
pub const EVENT_ROUTER_CLOSED: u32 = 2;
pub const EVENT_PRODUCER_CREATED: u32 = 3;
pub const EVENT_PRODUCER_CLOSED: u32 = 4;

#[repr(C)]
pub struct Packet {
    pub record_length: u32,
    pub record_type: u8,
    pub record_flags: u8,
    pub bytes_offset: u16,
    pub ticket: u64,
    pub received_at_ns: u64,
    pub deadline_ns: u64,
    pub producer: u32,
    pub run: u32,
    pub ssrc: u32,
    pub timestamp: u32,
    pub full_length: u32,
    pub copied_length: u32,
    pub sequence_number: u16,
    pub rtp_header_length: u16,
    pub rtp_padding_length: u8,
    pub payload_type: u8,
    pub kind: u8,
    pub codec: u8,
    pub flags: u8,
    pub encoding_index: u8,
    pub spatial_layer: u8,
    pub temporal_layer: u8,
    pub audio_level: u8,
    pub reserved0: u8,
    pub members: u16,
    pub consumer: u32,
    pub reserved1: u32,
}

#[repr(C)]
pub struct Batch {
    pub size: u32,
    pub router: u32,
    pub count: u32,
    pub reserved: u32,
    pub packets: *const *const Packet,
    pub verdicts: *mut u8,
    pub attachments: *const u32,
    pub causes: *const u64,
}

#[repr(C)]
pub struct Event {
    pub size: u32,
    pub kind_of_event: u32,
    pub at_ns: u64,
    pub router: u32,
    pub router_id: *const c_char,
    pub producer: u32,
    pub clock_rate: u32,
    pub producer_id: *const c_char,
    pub mime_type: *const c_char,
    pub kind: u8,
    pub paused: u8,
    pub ssrc_count: u16,
    pub attachment: u32,
}

/// The host's side of an instance.
#[repr(C)]
pub struct Instance {
    _private: [u8; 0],
}

/// A function that this plugin does not call.
type Unused = *const c_void;

#[repr(C)]
pub struct Host {
    pub size: u32,
    pub abi_version: u32,
    pub verdict: Unused,
    pub log: unsafe extern "C" fn(*mut Instance, c_int, *const c_char),
    pub count: unsafe extern "C" fn(*mut Instance, *const c_char, u64),
    pub snapshot: Unused,
    pub replace: Unused,
    pub extend: Unused,
    pub bypass: Unused,
    pub inject_rtp: Unused,
    pub inject_data: Unused,
    pub request_key_frame: Unused,
    pub subscribe: Unused,
    pub query: Unused,
    pub post: unsafe extern "C" fn(*mut Instance, *const c_char, *const c_void, usize, c_int) -> u32,
}

#[repr(C)]
pub struct InstanceInfo {
    pub size: u32,
    pub shard: u32,
    pub config: *const c_char,
    pub config_length: usize,
    pub worker_pid: u32,
    pub reserved: u32,
}

#[repr(C)]
pub struct Plugin {
    pub size: u32,
    pub abi_version: u32,
    pub name: *const c_char,
    pub version: *const c_char,
    pub create: unsafe extern "C" fn(*const Host, *mut Instance, *const InstanceInfo, *mut *mut c_void, *mut c_char, usize) -> c_int,
    pub destroy: unsafe extern "C" fn(*mut c_void),
    pub on_packets: Option<unsafe extern "C" fn(*mut c_void, *const Batch)>,
    pub on_event: Option<unsafe extern "C" fn(*mut c_void, *const Event)>,
    pub on_tick: Option<unsafe extern "C" fn(*mut c_void, u64)>,
    pub tick_interval_ms: u32,
    pub reserved: u32,
    pub on_restore: Option<unsafe extern "C" fn(*mut c_void, *const c_void, usize)>,
    pub on_data: Option<unsafe extern "C" fn(*mut c_void, *const c_void)>,
    pub on_message: Option<unsafe extern "C" fn(*mut c_void, *const c_void)>,
    pub on_answer: Option<unsafe extern "C" fn(*mut c_void, *const c_void)>,
}

// The pointers in it are to static texts and functions.
unsafe impl Sync for Plugin {}

const _: () = assert!(std::mem::size_of::<Packet>() == 80);
const _: () = assert!(std::mem::size_of::<Plugin>() == 104);
