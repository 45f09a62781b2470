#ifndef MS_PLUGIN_HOST_EVENT_BUILDER_HPP
#define MS_PLUGIN_HOST_EVENT_BUILDER_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/ObjectInfo.hpp"
#include "PluginHost/Run.hpp"
#include "mph/fbs/control.h"

/**
 * Lifecycle events as FlatBuffers tables: for the ring and for the state of an offer alike.
 */
namespace PluginHost::EventBuilder
{
	/**
	 * @param withParameters - Their JSON text is the largest part.
	 */
	flatbuffers::Offset<Mph::Control::Event> BuildCreated(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object, bool withParameters = true);
	/**
	 * By what `paused` is now.
	 */
	flatbuffers::Offset<Mph::Control::Event> BuildPausedOrResumed(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object);
	flatbuffers::Offset<Mph::Control::Event> BuildClosed(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object);
	flatbuffers::Offset<Mph::Control::Event> BuildAttachment(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const Attachment& attachment);
	/**
	 * Of one that has several members.
	 */
	flatbuffers::Offset<Mph::Control::Event> BuildRun(
	  flatbuffers::FlatBufferBuilder& builder, const Run& run);
	flatbuffers::Offset<Mph::Control::Event> BuildRouterClosed(flatbuffers::FlatBufferBuilder& builder);
} // namespace PluginHost::EventBuilder

#endif
