#ifndef MS_PLUGIN_HOST_RUN_HPP
#define MS_PLUGIN_HOST_RUN_HPP

#include "common.hpp"
#include "PluginHost/Publication.hpp"
#include "mph/fbs/control.h"
#include <bit> // std::countr_zero()
#include <memory>
#include <vector>

namespace PluginHost
{
	class Attachment;
	class PluginPlace;

	/**
	 * Attachments of one place that are next to one another in a chain: an item is published to them together, as one record with one ticket.
	 * Does not change; chains in which the same ones are neighbours share it.
	 */
	struct Run
	{
		static constexpr uint8_t NoMember{ UINT8_MAX };

		static uint16_t BitOf(uint8_t member)
		{
			return member == NoMember ? 0 : static_cast<uint16_t>(1u << member);
		}
		template<typename Visitor>
		void ForEach(uint16_t mask, const Visitor& visit) const
		{
			for (uint16_t left{ mask }; left != 0; left &= left - 1)
			{
				visit(*this->members[std::countr_zero(left)]);
			}
		}
		/**
		 * The earliest of the deadlines of those who filter; from now on, in nanoseconds.
		 */
		uint64_t GetDeadlineNs(uint16_t mask) const;
		/**
		 * With as much of the item as any of them wants.
		 */
		Publication GetPublication(uint16_t mask) const;
		/**
		 * Those who filter held an item for so long.
		 */
		void CountHold(uint16_t mask, uint64_t heldNs) const;

		// In the records. That of its attachment if it has only one.
		uint32_t number{ 0 };
		PluginPlace* place{ nullptr };
		// In the order of the chain. One that is detached is in no item's mask any more.
		std::vector<Attachment*> members;
		std::vector<uint32_t> memberNumbers;
		// Bit i: member i is in filter mode.
		uint16_t filters{ 0 };
		// Bit i: member i wants whole frames.
		uint16_t wholeFrames{ 0 };
		// Bit i: what member i failed at is dropped.
		uint16_t dropsErrors{ 0 };
		// Stages that have it, and items that wait in it.
		size_t users{ 0 };
		// Where the ring stood as the last one left.
		uint64_t leftAt{ 0 };
	};

	/**
	 * The runs at one place that stages have, or that unread records may name. [worker-loop]
	 */
	class Runs
	{
	public:
		explicit Runs(PluginPlace* place);

	public:
		/**
		 * Hosts get to know it if it is new.
		 */
		Run* Take(const std::vector<Attachment*>& members);
		void Leave(Run* run);
		/**
		 * Those that no unread record names.
		 */
		void Forget(uint64_t consumed);
		void FillBufferState(
		  flatbuffers::FlatBufferBuilder& builder,
		  std::vector<flatbuffers::Offset<Mph::Control::Event>>& state) const;

	private:
		Run* Find(const std::vector<uint32_t>& memberNumbers) const;

	private:
		// Passed by argument.
		PluginPlace* place{ nullptr };
		// Allocated by this.
		std::vector<std::unique_ptr<Run>> runs;
		// Others.
		size_t unused{ 0 };
	};
} // namespace PluginHost

#endif
