/*
 * Copyright (C) the sparkjob authors
 * Licensed under the Apache License, Version 2.0
 */

package scala.tools.nsc.interpreter

import scala.collection.mutable
import scala.tools.nsc.{Phase, SubComponent}
import scala.tools.nsc.backend.jvm.QuickBackend

/** A compiler that does without what a small piece of code has no need of. */
private[interpreter] trait QuickGlobal extends ReplGlobal { self =>

  // of packages: what has made their scopes of later phases, and these
  private val laterScopes = mutable.HashMap.empty[Symbol, (List[Symbol], Scope)]

  /**
   * What packages have after classes were taken out of classes is not made anew for each piece of
   * code, while nothing was added to them. Each piece is a package, and no phase puts anything but
   * packages into the root: that has one scope for all phases.
   */
  override def scopeTransform(owner: Symbol)(made: => Scope): Scope = {
    if (owner.isRoot) {
      owner.originalInfo.decls
    } else if (!owner.isPackageClass || owner.name.startsWith(QuickMain.Own)) {
      made
    } else {
      // the list is another one after each change
      val members = owner.originalInfo.decls.toList
      laterScopes.get(owner).filter(_._1 eq members).map(_._2).getOrElse {
        val scope = made
        laterScopes(owner) = (members, scope)
        scope
      }
    }
  }

  override protected def computeInternalPhases(): Unit = {
    super.computeInternalPhases()
    val all = Seq(tailCalls -> quickTailCalls, specializeTypes -> quickSpecialize,
      genBCode -> quickBackend)
    for ((slow, quick) <- all) {
      phasesSet -= slow
      addToPhasesSet(quick, phasesDescMap(slow))
    }
  }

  /** In the place of another phase. */
  private abstract class InPlaceOf(slow: SubComponent) extends SubComponent {
    override val global: self.type = self
    override val phaseName: String = slow.phaseName
    override val runsAfter: List[String] = slow.runsAfter
    override val runsRightAfter: Option[String] = slow.runsRightAfter
  }

  /** Where there are no methods no calls are at their ends. */
  private object quickTailCalls extends InPlaceOf(tailCalls) {
    override def newPhase(prev: Phase): StdPhase = {
      val whole = tailCalls.newPhase(prev)
      new StdPhase(prev) {
        override def apply(unit: CompilationUnit): Unit =
          if (unit.body.exists(isMethod)) whole.apply(unit)
      }
    }

    private def isMethod(tree: Tree): Boolean = tree match {
      case method: DefDef => !method.symbol.isConstructor && !method.symbol.isAccessor
      case _ => false
    }
  }

  /**
   * Scala's own phase ends with specialising all classes of functions and tuples, each time anew,
   * which takes most of the time for a small piece of code. That is for its inliner, says its source
   * (2.12.18), which is off here. What code refers to is specialised as it is met, but for the
   * classes of its functions; a class of its own may extend anything.
   */
  private object quickSpecialize extends InPlaceOf(specializeTypes) {
    override def newPhase(prev: Phase): StdPhase = {
      // made first: the one that is made last is the next one of prev
      val whole = specializeTypes.newPhase(prev)
      new StdPhase(prev) {
        override val keepsTypeParams: Boolean = whole.keepsTypeParams
        override def checkable: Boolean = whole.checkable
        override def apply(unit: CompilationUnit): Unit = whole.apply(unit)
        override def run(): Unit = {
          val bodies = currentRun.units.map(_.body).toList
          if (bodies.exists(_.exists(isClass))) {
            whole.run()
          } else {
            super.run()
            exitingSpecialize(bodies.foreach(_.foreach(specialize)))
          }
        }
      }
    }

    private def specialize(tree: Tree): Unit = tree match {
      case function: Function => definitions.FunctionClass(function.vparams.size).info
      case _ =>
    }

    private def isClass(tree: Tree): Boolean = tree match {
      case definition: ImplDef => !isWrapper(definition.symbol)
      case _ => false
    }

    private def isWrapper(symbol: Symbol): Boolean = nme.isReplWrapperName(symbol.name) ||
      symbol.owner.isPackageClass && symbol.owner.name.startsWith(QuickMain.Own)
  }

  /** The first run is Scala's own, which makes what the others use. */
  private object quickBackend extends InPlaceOf(genBCode) {
    private var first = true

    override def newPhase(prev: Phase): StdPhase = {
      val whole = genBCode.newPhase(prev)
      new StdPhase(prev) {
        override def apply(unit: CompilationUnit): Unit = whole.apply(unit)
        override def run(): Unit = if (first) {
          whole.run()
          first = false
        } else {
          QuickBackend.run(genBCode)(super.run())
        }
      }
    }
  }
}
