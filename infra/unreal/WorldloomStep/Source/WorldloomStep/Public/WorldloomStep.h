// The module: holds the game's clock between requests and lets one fixed step pass when it is asked for
#pragma once

#include "CoreMinimal.h"
#include "Engine/World.h"
#include "ExecStatus.h"
#include "Modules/ModuleInterface.h"

class FWorldloomStepModule : public IModuleInterface
{
public:
	virtual void StartupModule() override;
	virtual void ShutdownModule() override;

private:
	/** "vset /worldloom/step [float]": hold the clock; above 0, one step of so many seconds is due. */
	FExecStatus Step(const TArray<FString>& Args);

	/** "vget /worldloom/tick": steps taken since the clock was taken in hand in this world. */
	FExecStatus Tick(const TArray<FString>& Args);

	/** UnrealCV makes its dispatcher after us, so its commands are joined at the first frame that finds it. */
	void BeginFrame();

	/** After the actors and before UnrealCV answers: what has stepped is held again. */
	void WorldTicked(UWorld* World, ELevelTick Kind, float DeltaSeconds);

	/** A new world begins at step 0 and is not held. */
	void WorldBegins(UWorld* World, const UWorld::InitializationValues Values);

	void Hold(UWorld* World, bool bHeld) const;

	/** Give the clock back as it was when it was taken. */
	void Release();
	static UWorld* GameWorld();

	enum class EPhase : uint8 { Free, Held, Due, Passing };
	EPhase Phase = EPhase::Free;
	double StepSeconds = 0.0;
	double FormerSeconds = 0.0; // of the engine's own fixed step, where it runs with one
	bool bFormerlyFixed = false;
	int64 Steps = 0;
	bool bBound = false;
	FDelegateHandle BeginHandle, TickHandle, WorldHandle;
};
