#ifndef MS_PLUGIN_HOST_DROPPED_HISTORY_HPP
#define MS_PLUGIN_HOST_DROPPED_HISTORY_HPP

#include "common.hpp"
#include <array>

namespace PluginHost
{
	/**
	 * The sequence numbers of one stream that verdicts dropped lately.
	 *
	 * A sender may send a packet twice. If the first copy was dropped, its number left the consumers' numbering; passing the
	 * second on would make Consumer::SendRtpPacket() send it with an uninitialised number, since it ignores the result of
	 * SeqManager::Input(). So the second copy shares the fate of the first.
	 */
	class DroppedHistory
	{
	public:
		explicit DroppedHistory(uint32_t ssrc) : ssrc(ssrc)
		{
		}

		uint32_t GetSsrc() const
		{
			return this->ssrc;
		}

		void Add(uint16_t seq)
		{
			const auto extended = Extend(seq);

			this->highest = std::max(this->highest, extended);

			this->slots[extended % Window] = extended;
		}

		bool Contains(uint16_t seq)
		{
			const auto extended = Extend(seq);

			this->highest = std::max(this->highest, extended);

			return this->slots[extended % Window] == extended;
		}

	private:
		// Unwraps to the value nearest to the highest one seen, so that a number of the previous cycle does not match.
		uint64_t Extend(uint16_t seq) const
		{
			if (this->highest == 0)
			{
				return FirstCycle + seq;
			}

			const auto delta = static_cast<int16_t>(seq - static_cast<uint16_t>(this->highest));

			return this->highest + delta;
		}

	private:
		static constexpr size_t Window{ 2048 };
		// Leaves room below the first number, and keeps 0 for "none".
		static constexpr uint64_t FirstCycle{ 1u << 20 };

	private:
		uint32_t ssrc;
		uint64_t highest{ 0 };
		std::array<uint64_t, Window> slots{};
	};
} // namespace PluginHost

#endif
