#define MS_CLASS "PluginHost::Run"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Run.hpp"
#include "Logger.hpp"
#include "PluginHost/Macros.hpp"
#include "PluginHost/Attachment.hpp"
#include "PluginHost/Control.hpp"
#include "PluginHost/EventBuilder.hpp"
#include "PluginHost/PluginPlace.hpp"

namespace PluginHost
{
	/* Instance methods. */

	uint64_t Run::GetDeadlineNs(uint16_t mask) const
	{
		uint64_t deadlineNs{ UINT64_MAX };

		ForEach(
		  mask & this->filters,
		  [&deadlineNs](const Attachment& attachment)
		  {
			  deadlineNs = std::min(deadlineNs, attachment.deadlineNs);
		  });

		return deadlineNs;
	}

	Publication Run::GetPublication(uint16_t mask) const
	{
		auto copy = Mph::Control::Copy::Meta;

		ForEach(
		  mask,
		  [&copy](const Attachment& attachment)
		  {
			  copy = std::min(copy, attachment.copy);
		  });

		return { .place = this->place, .attachment = this->number, .members = mask, .copy = copy };
	}

	void Run::CountHold(uint16_t mask, uint64_t heldNs) const
	{
		ForEach(
		  mask & this->filters,
		  [heldNs](Attachment& attachment)
		  {
			  attachment.holdHistogram.Add(heldNs);
		  });
	}

	Runs::Runs(PluginPlace* place) : place(place)
	{
		MS_TRACE();
	}

	Run* Runs::Take(const std::vector<Attachment*>& members)
	{
		MS_TRACE();

		std::vector<uint32_t> memberNumbers;

		for (const auto* attachment : members)
		{
			memberNumbers.push_back(attachment->number);
		}

		if (auto* known = Find(memberNumbers))
		{
			if (known->users++ == 0)
			{
				--this->unused;
			}

			return known;
		}

		auto run = std::make_unique<Run>();

		run->place         = this->place;
		run->members       = members;
		run->memberNumbers = std::move(memberNumbers);
		run->users         = 1;
		run->number        = members.size() == 1 ? members.front()->number
		                                         : Control::GetRegistry().GetNextAttachmentNumber();

		for (size_t i{ 0 }; i < members.size(); ++i)
		{
			const auto bit = static_cast<uint16_t>(1u << i);

			run->filters |= members[i]->mode == Mph::Control::Mode::Filter ? bit : 0;
			run->wholeFrames |= members[i]->wholeFrames ? bit : 0;
			run->dropsErrors |= members[i]->onError == Mph::Control::Policy::Drop ? bit : 0;
		}

		auto* taken = this->runs.emplace_back(std::move(run)).get();

		// A host that has not been started yet will find it in the state that it is started with.
		if (members.size() > 1 && this->place->GetSuccession().HasStarted())
		{
			flatbuffers::FlatBufferBuilder builder;

			builder.Finish(EventBuilder::BuildRun(builder, *taken));
			this->place->PublishEvent(builder);
		}

		return taken;
	}

	void Runs::Leave(Run* run)
	{
		if (--run->users > 0)
		{
			return;
		}

		run->leftAt = this->place->GetPosition();
		++this->unused;
	}

	void Runs::Forget(uint64_t consumed)
	{
		if (this->unused == 0)
		{
			return;
		}

		this->unused -= std::erase_if(
		  this->runs,
		  [consumed](const std::unique_ptr<Run>& run)
		  {
			  return run->users == 0 && run->leftAt <= consumed;
		  });
	}

	void Runs::FillBufferState(
	  flatbuffers::FlatBufferBuilder& builder,
	  std::vector<flatbuffers::Offset<Mph::Control::Event>>& state) const
	{
		MS_TRACE();

		for (const auto& run : this->runs)
		{
			if (run->memberNumbers.size() > 1)
			{
				state.push_back(EventBuilder::BuildRun(builder, *run));
			}
		}
	}

	Run* Runs::Find(const std::vector<uint32_t>& memberNumbers) const
	{
		MS_TRACE();

		const auto it = std::ranges::find_if(
		  this->runs,
		  [&memberNumbers](const std::unique_ptr<Run>& run)
		  {
			  return run->memberNumbers == memberNumbers;
		  });

		return it != this->runs.end() ? it->get() : nullptr;
	}
} // namespace PluginHost
