#ifndef MS_PLUGIN_HOST_EVENT_BUILDER_HPP
#define MS_PLUGIN_HOST_EVENT_BUILDER_HPP

#include "common.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/ProducerInfo.hpp"
#include "mph/fbs/control.h"

/**
 * Lifecycle events as FlatBuffers tables: for the ring and for the state of an offer alike.
 */
namespace PluginHost::EventBuilder
{
	flatbuffers::Offset<Mph::Control::Event> BuildProducer(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const ProducerInfo& producer);
	flatbuffers::Offset<Mph::Control::Event> BuildProducerClosed(
	  flatbuffers::FlatBufferBuilder& builder, uint32_t producerNumber);
	flatbuffers::Offset<Mph::Control::Event> BuildAttachment(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const Attachment& attachment);
	flatbuffers::Offset<Mph::Control::Event> BuildRouterClosed(flatbuffers::FlatBufferBuilder& builder);
} // namespace PluginHost::EventBuilder

#endif
