#define MS_CLASS "PluginHost::EventBuilder"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/EventBuilder.hpp"
#include "Logger.hpp"

namespace PluginHost::EventBuilder
{
	/* Static. */

	using Mph::Control::EventType;

	// Of each type of object.
	struct EventTypes
	{
		EventType created{ EventType::None };
		EventType closed{ EventType::None };
		EventType paused{ EventType::None };
		EventType resumed{ EventType::None };
	};

	static EventTypes typesOf(const ObjectInfo& object)
	{
		switch (object.type)
		{
			case ObjectInfo::Type::TRANSPORT:
			{
				return { .created = EventType::TransportCreated, .closed = EventType::TransportClosed };
			}
			case ObjectInfo::Type::PRODUCER:
			{
				return { .created = EventType::ProducerCreated,
					       .closed  = EventType::ProducerClosed,
					       .paused  = EventType::ProducerPaused,
					       .resumed = EventType::ProducerResumed };
			}
			case ObjectInfo::Type::DATA_PRODUCER:
			{
				return { .created = EventType::DataProducerCreated,
					       .closed  = EventType::DataProducerClosed,
					       .paused  = EventType::DataProducerPaused,
					       .resumed = EventType::DataProducerResumed };
			}
			case ObjectInfo::Type::CONSUMER:
			{
				return { .created = EventType::ConsumerCreated,
					       .closed  = EventType::ConsumerClosed,
					       .paused  = EventType::ConsumerPaused,
					       .resumed = EventType::ConsumerResumed };
			}
			case ObjectInfo::Type::DATA_CONSUMER:
			{
				return { .created = EventType::DataConsumerCreated,
					       .closed  = EventType::DataConsumerClosed,
					       .paused  = EventType::DataConsumerPaused,
					       .resumed = EventType::DataConsumerResumed };
			}
		}

		return {};
	}

	static void addNumber(Mph::Control::EventBuilder& event, const ObjectInfo& object)
	{
		switch (object.type)
		{
			case ObjectInfo::Type::TRANSPORT:
			{
				event.add_transport(object.number);

				break;
			}
			case ObjectInfo::Type::PRODUCER:
			case ObjectInfo::Type::DATA_PRODUCER:
			{
				event.add_producer(object.number);

				break;
			}
			case ObjectInfo::Type::CONSUMER:
			case ObjectInfo::Type::DATA_CONSUMER:
			{
				event.add_consumer(object.number);

				break;
			}
		}
	}

	flatbuffers::Offset<Mph::Control::Event> BuildCreated(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object, bool withParameters)
	{
		MS_TRACE();

		using Text = flatbuffers::Offset<flatbuffers::String>;

		const auto textOf = [&builder](const std::string& text)
		{
			return text.empty() ? Text() : builder.CreateString(text);
		};

		const bool isProducer = object.type == ObjectInfo::Type::PRODUCER ||
		                        object.type == ObjectInfo::Type::DATA_PRODUCER;
		const bool isConsumer = object.type == ObjectInfo::Type::CONSUMER ||
		                        object.type == ObjectInfo::Type::DATA_CONSUMER;
		const bool isTransport = object.type == ObjectInfo::Type::TRANSPORT;

		const auto producerId  = isProducer ? textOf(object.id) : textOf(object.producerId);
		const auto consumerId  = isConsumer ? textOf(object.id) : Text();
		const auto transportId = isTransport ? textOf(object.id) : textOf(object.transportId);
		const auto mimeType    = textOf(object.mimeType);
		const auto parameters  = withParameters ? textOf(object.parameters) : Text();
		const auto ssrcs       = builder.CreateVector(object.ssrcs);

		Mph::Control::EventBuilder event(builder);

		event.add_type(typesOf(object).created);
		event.add_transport(object.transport);
		event.add_producer(object.producer);
		addNumber(event, object);
		event.add_producerId(producerId);
		event.add_consumerId(consumerId);
		event.add_transportId(transportId);
		event.add_kind(object.kind);
		event.add_mimeType(mimeType);
		event.add_clockRate(object.clockRate);
		event.add_paused(object.paused);
		event.add_ssrcs(ssrcs);
		event.add_parameters(parameters);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildPausedOrResumed(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object)
	{
		MS_TRACE();

		const auto types = typesOf(object);

		Mph::Control::EventBuilder event(builder);

		event.add_type(object.paused ? types.paused : types.resumed);
		event.add_paused(object.paused);
		addNumber(event, object);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildClosed(
	  flatbuffers::FlatBufferBuilder& builder, const ObjectInfo& object)
	{
		MS_TRACE();

		Mph::Control::EventBuilder event(builder);

		event.add_type(typesOf(object).closed);
		addNumber(event, object);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildAttachment(
	  flatbuffers::FlatBufferBuilder& builder, Mph::Control::EventType type, const Attachment& attachment)
	{
		MS_TRACE();

		const auto id      = builder.CreateString(attachment.id);
		const auto context = builder.CreateString(attachment.context);
		const auto member  = builder.CreateString(attachment.member);

		Mph::Control::EventBuilder event(builder);

		event.add_type(type);
		event.add_attachment(attachment.number);
		event.add_attachmentId(id);
		event.add_mode(attachment.mode);
		event.add_onError(attachment.onError);
		event.add_context(context);
		event.add_member(member);

		return event.Finish();
	}

	flatbuffers::Offset<Mph::Control::Event> BuildRun(
	  flatbuffers::FlatBufferBuilder& builder, const Run& run)
	{
		MS_TRACE();

		const auto members = builder.CreateVector(run.memberNumbers);

		Mph::Control::EventBuilder event(builder);

		event.add_type(Mph::Control::EventType::RunAdded);
		event.add_attachment(run.number);
		event.add_members(members);

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
