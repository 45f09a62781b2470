#define MS_CLASS "PluginHost::Stages"
// #define MS_LOG_DEV_LEVEL 3

#include "PluginHost/Stages.hpp"
#include "Logger.hpp"
#include <iterator> // std::make_move_iterator()

namespace PluginHost
{
	/* Static. */

	static constexpr auto MaxMembers = static_cast<size_t>(Mph::Layout::Limit::MaxRunMembers);

	/**
	 * An attachment that diverts is a run of its own: what it gets does not wait for a verdict, and goes no further.
	 */
	static bool belongTogether(const Stage& first, const Stage& second)
	{
		if (!first.HasMembers() || !second.HasMembers())
		{
			return false;
		}

		const auto* one   = first.GetMembers().front()->GetAttachment();
		const auto* other = second.GetMembers().front()->GetAttachment();

		return one->place == other->place && one->mode != Mph::Control::Mode::Divert &&
		       other->mode != Mph::Control::Mode::Divert &&
		       first.GetMembers().size() + second.GetMembers().size() <= MaxMembers;
	}

	/* Instance methods. */

	size_t Stages::IndexOf(const Stage* stage) const
	{
		const auto it = std::ranges::find_if(
		  this->stages,
		  [stage](const std::unique_ptr<Stage>& other)
		  {
			  return other.get() == stage;
		  });

		return it - this->stages.begin();
	}

	Member* Stages::FindMember(const Attachment* attachment) const
	{
		for (const auto& stage : this->stages)
		{
			if (auto* member = stage->Find(attachment))
			{
				return member;
			}
		}

		return nullptr;
	}

	void Stages::Add(Attachment* attachment)
	{
		MS_TRACE();

		size_t index{ 0 };
		std::vector<std::unique_ptr<Member>> own;

		own.push_back(std::make_unique<Member>(attachment, this->producerNumber));

		for (; index < this->stages.size(); ++index)
		{
			auto* stage         = this->stages[index].get();
			const auto& members = stage->GetMembers();
			const auto it       = std::ranges::find_if(
        members,
        [attachment](const std::unique_ptr<Member>& member)
        {
          return attachment->ComesBefore(*member->GetAttachment());
        });

			if (it == members.end())
			{
				continue;
			}

			const auto before = it - members.begin();

			if (before > 0)
			{
				auto first = stage->TakeMembers();
				std::vector<std::unique_ptr<Member>> second(
				  std::make_move_iterator(first.begin() + before), std::make_move_iterator(first.end()));

				first.resize(before);
				stage->SetMembers(std::move(first));
				Insert(++index, std::move(second));
			}

			break;
		}

		Insert(index, std::move(own));
		Tidy();
	}

	void Stages::Remove(const Attachment* attachment)
	{
		MS_TRACE();

		for (auto& stage : this->stages)
		{
			if (!stage->Find(attachment))
			{
				continue;
			}

			auto members = stage->TakeMembers();

			std::erase_if(
			  members,
			  [attachment](const std::unique_ptr<Member>& member)
			  {
				  return member->GetAttachment() == attachment;
			  });
			stage->SetMembers(std::move(members));
		}

		Tidy();
	}

	void Stages::Tidy()
	{
		MS_TRACE();

		std::erase_if(
		  this->stages,
		  [](const std::unique_ptr<Stage>& stage)
		  {
			  return !stage->HasMembers() && stage->queue.empty();
		  });

		this->tidy = true;

		for (size_t index{ 0 }; index < this->stages.size();)
		{
			auto* first  = this->stages[index].get();
			auto* second = index + 1 < this->stages.size() ? this->stages[index + 1].get() : nullptr;

			const bool isPair = second && belongTogether(*first, *second);

			if (!isPair || !first->queue.empty())
			{
				this->tidy = this->tidy && first->HasMembers() && !isPair;
				++index;

				continue;
			}

			auto members     = first->TakeMembers();
			auto moreMembers = second->TakeMembers();

			members.insert(
			  members.end(),
			  std::make_move_iterator(moreMembers.begin()),
			  std::make_move_iterator(moreMembers.end()));

			// What waits refers to the second one.
			second->SetMembers(std::move(members));
			this->stages.erase(this->stages.begin() + index);
		}

		this->wholeFrames = std::ranges::any_of(
		  this->stages,
		  [](const std::unique_ptr<Stage>& stage)
		  {
			  return std::ranges::any_of(
			    stage->GetMembers(),
			    [](const std::unique_ptr<Member>& member)
			    {
				    return member->GetAttachment()->wholeFrames;
			    });
		  });
	}

	void Stages::Insert(size_t index, std::vector<std::unique_ptr<Member>> members)
	{
		MS_TRACE();

		auto stage = std::make_unique<Stage>();

		stage->SetMembers(std::move(members));
		this->stages.insert(this->stages.begin() + index, std::move(stage));
	}
} // namespace PluginHost
