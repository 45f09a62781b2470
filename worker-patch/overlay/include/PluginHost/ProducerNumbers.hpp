#ifndef MS_PLUGIN_HOST_PRODUCER_NUMBERS_HPP
#define MS_PLUGIN_HOST_PRODUCER_NUMBERS_HPP

#include "PluginHost/StreamNumbers.hpp"
#include <memory>
#include <optional>
#include <vector>

namespace PluginHost
{
	/**
	 * The numbers of a producer's streams, by mapped SSRC. A stream keeps the sender's numbers until something is inserted into it or
	 * taken out of it. [worker-loop]
	 */
	class ProducerNumbers
	{
	public:
		explicit ProducerNumbers(const std::vector<uint32_t>& ssrcs = {})
		{
			for (const auto ssrc : ssrcs)
			{
				this->streams.emplace_back().ssrc = ssrc;
			}
		}

	public:
		/**
		 * @param received - The highest number that the stream had before its packets went through the chain.
		 */
		void Begin(uint32_t ssrc, uint16_t received)
		{
			auto* stream = Find(ssrc);

			if (stream && !stream->numbers)
			{
				stream->highest = received;
			}
		}

		/**
		 * Whether all packets of the producer must pass here from now on, whoever is attached.
		 */
		bool IsRenumbering() const
		{
			return this->renumbering;
		}

		/**
		 * For each packet that leaves the chain, routed or dropped, in the order in which they leave it.
		 *
		 * @return The number that it has for the consumers; nothing if it must not reach them at all.
		 */
		std::optional<uint16_t> Pass(uint32_t ssrc, uint16_t seq)
		{
			auto* stream = Find(ssrc);

			if (!stream)
			{
				return seq;
			}

			if (stream->numbers)
			{
				return stream->numbers->Pass(seq);
			}

			const auto distance = static_cast<int16_t>(seq - stream->highest.value_or(seq - 1));

			// One that is too late to be late is a stream that has begun anew.
			if (distance > 0 || distance <= -StreamNumbers::Window)
			{
				stream->highest = seq;
			}

			return seq;
		}

		/**
		 * For a packet that is taken out where it would leave the chain. As StreamNumbers::Remove().
		 */
		std::optional<uint16_t> Remove(uint32_t ssrc, uint16_t seq)
		{
			auto* stream = Find(ssrc);

			if (!stream)
			{
				return seq;
			}

			return Renumber(*stream).Remove(seq);
		}

		/**
		 * @return The number of a packet that is inserted now; nothing if the SSRC is not one of the producer's.
		 */
		std::optional<uint16_t> Insert(uint32_t ssrc)
		{
			auto* stream = Find(ssrc);

			if (!stream)
			{
				return std::nullopt;
			}

			return Renumber(*stream).Insert();
		}

	private:
		struct Stream
		{
			uint32_t ssrc{ 0 };
			// As long as it is not renumbered.
			std::optional<uint16_t> highest;
			std::unique_ptr<StreamNumbers> numbers;
		};

	private:
		Stream* Find(uint32_t ssrc)
		{
			for (auto& stream : this->streams)
			{
				if (stream.ssrc == ssrc)
				{
					return std::addressof(stream);
				}
			}

			return nullptr;
		}

		StreamNumbers& Renumber(Stream& stream)
		{
			if (!stream.numbers)
			{
				stream.numbers    = std::make_unique<StreamNumbers>(stream.highest);
				this->renumbering = true;
			}

			return *stream.numbers;
		}

	private:
		std::vector<Stream> streams;
		bool renumbering{ false };
	};
} // namespace PluginHost

#endif
