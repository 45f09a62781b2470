#ifndef MS_PLUGIN_HOST_HELD_MESSAGE_HPP
#define MS_PLUGIN_HOST_HELD_MESSAGE_HPP

#include "common.hpp"
#include "PluginHost/Item.hpp"
#include "RTC/SCTP/public/Message.hpp"
#include <optional>
#include <vector>

namespace PluginHost
{
	/**
	 * A data message, and what the router is told with it.
	 */
	struct DataMessage
	{
		/**
		 * Another payload. The PPID stays, but that of an empty message is another one than that of one that is not (RFC 8831, 6.6).
		 */
		void SetPayload(const uint8_t* data, size_t length);

		RTC::SCTP::Message& message;
		std::vector<uint16_t>& subchannels;
		std::optional<uint16_t> requiredSubchannel;
		std::optional<uint16_t> ignoredSubchannel;
	};

	/**
	 * A data message that the worker has in hand.
	 */
	class LiveMessage : public Item
	{
	public:
		explicit LiveMessage(const DataMessage& data) : Item(Form::LIVE), data(data)
		{
		}

	public:
		const DataMessage& GetData() const
		{
			return this->data;
		}
		DataMessage& GetData()
		{
			return this->data;
		}

	private:
		// Passed by argument.
		DataMessage data;
	};

	/**
	 * A data message that waits. It took over the live one.
	 *
	 * What all of them hold together in this worker is bounded. [worker-loop]
	 */
	class HeldMessage : public Held
	{
	public:
		explicit HeldMessage(const DataMessage& live);
		~HeldMessage();

		HeldMessage(const HeldMessage&)            = delete;
		HeldMessage& operator=(const HeldMessage&) = delete;

	public:
		/**
		 * Whether another message may be held.
		 */
		static bool HasRoomFor(const DataMessage& data)
		{
			return HeldMessage::heldBytes + BytesOf(data) <= MaxHeldBytes;
		}
		const DataMessage& GetData() const
		{
			return this->data;
		}
		/**
		 * See DataMessage::SetPayload().
		 */
		void SetPayload(const uint8_t* data, size_t length);

	private:
		static constexpr size_t MaxHeldBytes{ 64 * 1024 * 1024 };

		static size_t BytesOf(const DataMessage& data)
		{
			return sizeof(HeldMessage) + data.message.GetPayloadLength() +
			       (data.subchannels.size() * sizeof(uint16_t));
		}

	private:
		static thread_local size_t heldBytes;

	private:
		// Allocated by this.
		RTC::SCTP::Message message;
		std::vector<uint16_t> subchannels;
		// Refers to the two.
		DataMessage data;
		// Others.
		size_t countedBytes{ 0 };
	};
} // namespace PluginHost

#endif
