#define MS_CLASS "PluginHost::EventBuilder"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/EventBuilder.hpp"
#include "Logger.hpp"

namespace PluginHost::EventBuilder
{
	flatbuffers::Offset<Mph::Control::Event> BuildProducer(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const ProducerInfo& producer)
	{
		MS_TRACE();

		const auto id       = builder.CreateString(producer.id);
		const auto mimeType = builder.CreateString(producer.mimeType);
		const auto ssrcs    = builder.CreateVector(producer.ssrcs);

		Mph::Control::EventBuilder event(builder);

		event.add_type(type);
		event.add_producer(producer.number);
		event.add_producerId(id);
		event.add_kind(producer.kind);
		event.add_mimeType(mimeType);
		event.add_clockRate(producer.clockRate);
		event.add_paused(producer.paused);
		event.add_ssrcs(ssrcs);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildProducerClosed(
	  flatbuffers::FlatBufferBuilder& builder, uint32_t producerNumber)
	{
		MS_TRACE();

		Mph::Control::EventBuilder event(builder);

		event.add_type(Mph::Control::EventType::ProducerClosed);
		event.add_producer(producerNumber);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildAttachment(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const Attachment& attachment)
	{
		MS_TRACE();

		const auto id      = builder.CreateString(attachment.id);
		const auto context = builder.CreateString(attachment.context);

		Mph::Control::EventBuilder event(builder);

		event.add_type(type);
		event.add_attachment(attachment.number);
		event.add_attachmentId(id);
		event.add_mode(attachment.mode);
		event.add_context(context);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildRouterClosed(flatbuffers::FlatBufferBuilder& builder)
	{
		MS_TRACE();

		Mph::Control::EventBuilder event(builder);

		event.add_type(Mph::Control::EventType::RouterClosed);

		return event.Finish();
	}
} // namespace PluginHost::EventBuilder
